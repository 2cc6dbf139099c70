/** Times of events: ISO text and epoch numbers → µs since 1970, exactly. */
import type { TimeFormat } from '../config/config.js';
import { Rejection } from './rejection.js';

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)?(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?)?$/;
const DECIMAL = /^(-?)(\d{1,18})(?:\.(\d{1,18}))?$/;

const MICRO_DIGITS: Readonly<Record<Exclude<TimeFormat, 'iso'>, number>> = {
  epoch_s: 6,
  epoch_ms: 3,
  epoch_us: 0,
};

const utc = (year: number): bigint => BigInt(Date.UTC(year, 0, 1)) * 1000n;
/** No web page was clicked before: an earlier time is a unit mistaken or a clock unset. */
export const EARLIEST_US = utc(2000);
export const LATEST_US = utc(2100);
/** How far a client's clock may run ahead of the record's own timestamp. */
const AHEAD_US = 24n * 3600n * 1_000_000n;

const unparsable = (formats: readonly TimeFormat[]): Rejection =>
  new Rejection('unparsable_time', `expected a time as ${formats.join(' or ')}, got something else`);

export type TimeReader = (value: unknown) => bigint | Rejection;

/**
 * Of several epoch units the one is taken whose time lies between 2000 and 2100: these ranges do not overlap,
 * so the unit is recognised and not guessed.
 */
export function timeReader(formats: readonly TimeFormat[]): TimeReader {
  const units = formats.filter((format) => format !== 'iso').map((format) => MICRO_DIGITS[format]);
  const iso = formats.includes('iso');
  return (value) => {
    if (typeof value !== 'string' && typeof value !== 'number') {
      return new Rejection('wrong_type', 'expected a time as text or number, got another type');
    }
    if (iso && typeof value === 'string') {
      const time = parseIso(value);
      if (time !== undefined) return time;
    }
    const times = units
      .map((digits) => parseEpoch(String(value), digits))
      .filter((time) => time !== undefined);
    return times.find(isPlausible) ?? times[0] ?? unparsable(formats);
  };
}

const isPlausible = (time: bigint): boolean => time >= EARLIEST_US && time < LATEST_US;

/** Judged by the record and not by the clock, so that a second run judges alike. */
export function checkPlausible(time: bigint, kafkaTimestampMs: number): Rejection | undefined {
  if (time < EARLIEST_US)
    return new Rejection('impossible_time', 'expected a time from 2000 on, got an earlier one');
  if (time >= LATEST_US)
    return new Rejection('impossible_time', 'expected a time before 2100, got a later one');
  return kafkaTimestampMs >= 0 && time > BigInt(Math.trunc(kafkaTimestampMs)) * 1000n + AHEAD_US
    ? new Rejection(
        'impossible_time',
        'expected a time at most 24 h after the record was sent, got a later one',
      )
    : undefined;
}

function parseEpoch(text: string, microDigits: number): bigint | undefined {
  const [, sign, whole, fraction = ''] = DECIMAL.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const micros = BigInt(whole + fraction.slice(0, microDigits).padEnd(microDigits, '0'));
  return sign === '-' ? -micros : micros;
}

/** ISO 8601's extended form; a date alone is its midnight, a time without zone is UTC, `:60` the next second. */
export function parseIso(text: string): bigint | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const days = daysSince1970(year ?? 0, month ?? 0, day ?? 0);
  if (days === undefined) return undefined;
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 60) return undefined;
  const offset = offsetMinutes(match[8]);
  if (offset === undefined) return undefined;
  const seconds = days * 86_400 + (hour ?? 0) * 3600 + ((minute ?? 0) - offset) * 60 + (second ?? 0);
  return BigInt(seconds) * 1_000_000n + BigInt((match[7] ?? '').slice(0, 6).padEnd(6, '0'));
}

function offsetMinutes(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2))];
  if (hours > 18 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** Undefined for a date that the calendar has not, such as 30 February. */
export function daysSince1970(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  // Not Date.UTC: it takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  const real =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return real && year > 0 ? date.getTime() / 86_400_000 : undefined;
}
