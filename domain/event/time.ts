/** Times of events → µs since 1970, exactly. */
import type { NamedTimeFormat, TimeFormat, TimeSpelling } from '../config/config.js';
import { MICROS_A_SECOND, SECONDS_A_DAY, type Civil, type CivilReader } from './civil.js';
import { readDate, readIso } from './iso.js';
import { Rejection } from './rejection.js';
import { compileTimePattern, NoPattern } from './timePattern.js';
import { openZone, type Zone } from './timeZone.js';

const DECIMAL = /^(-?)(\d{1,18})(?:\.(\d{1,18}))?$/;

/** A unit of an epoch in digits of µs. */
const MICRO_DIGITS: Readonly<Record<Exclude<NamedTimeFormat, 'iso'>, number>> = {
  epoch_s: 6,
  epoch_ms: 3,
  epoch_us: 0,
};

const utc = (year: number): number => Date.UTC(year, 0, 1) * 1000;
/** No web page was clicked before: an earlier time is a unit mistaken or a clock unset. */
const EARLIEST_US = utc(2000);
const LATEST_US = utc(2100);
/** How far a client's clock may run ahead of the record's own timestamp. */
const AHEAD_US = SECONDS_A_DAY * MICROS_A_SECOND;

/** A text, a number, or a bigint: µs that are known already, as of `$kafka.timestamp`. */
export type TimeReader = (value: unknown) => bigint | Rejection;

/**
 * A text is read as iso or by a pattern, in the order of the formats; by a pattern a number is, too (`20260131`).
 * Of several epoch units the one is taken whose time lies between 2000 and 2100: these ranges do not overlap,
 * so the unit is recognised and not guessed.
 */
export function timeReader(spelling: TimeSpelling): TimeReader {
  const { civil, readCivil, zone, units } = compile(spelling);
  const wrongType = new Rejection('wrong_type', 'expected a time as text or number, got another type');
  const unparsable = new Rejection(
    'unparsable_time',
    `expected a time as ${spelling.formats.map(spellFormat).join(' or ')}, got something else`,
  );
  return (value) => {
    if (typeof value === 'bigint') return value;
    if (typeof value !== 'string' && typeof value !== 'number') return wrongType;
    if (readCivil(value)) return toMicros(civil, zone);
    return readEpoch(value, units) ?? unparsable;
  };
}

/** A column of type date takes a date, or a time in the event's formats: its day as written, or the UTC day of a
 * time with a zone or of a plausible epoch (`20260131` is no second of 1970). */
export function dateReader(spelling: TimeSpelling): (value: unknown) => number | undefined {
  const { civil, readCivil, units } = compile(spelling);
  return (value) => {
    if (typeof value === 'bigint') return Number(dayOf(value));
    if (typeof value !== 'string' && typeof value !== 'number') return undefined;
    if (typeof value === 'string' && value.length === 10) {
      const days = readDate(value);
      if (days !== undefined) return days;
    }
    if (readCivil(value)) {
      if (Number.isNaN(civil.offset)) return civil.days + Math.floor(civil.seconds / SECONDS_A_DAY);
      return Math.floor((civil.days * SECONDS_A_DAY + civil.seconds - civil.offset) / SECONDS_A_DAY);
    }
    const time = readEpoch(value, units);
    return time !== undefined && isPlausible(time) ? Number(dayOf(time)) : undefined;
  };
}

const DAY_US = BigInt(SECONDS_A_DAY) * BigInt(MICROS_A_SECOND);
/** Division of bigints cuts towards zero; days are counted downwards. */
const dayOf = (time: bigint): bigint => (time >= 0n ? time : time - DAY_US + 1n) / DAY_US;

interface Compiled {
  readonly civil: Civil;
  /** Fills `civil`. @returns false when no format fits */
  readonly readCivil: (value: string | number) => boolean;
  readonly zone: Zone;
  readonly units: readonly number[];
}

function compile({ formats, zone: zoneName }: TimeSpelling): Compiled {
  const civil: Civil = { days: 0, seconds: 0, micros: 0, offset: NaN };
  const iso = formats.includes('iso');
  const readers = formats.flatMap((format): CivilReader[] => {
    if (format === 'iso') return [readIso];
    if (typeof format === 'string') return [];
    const compiled = compileTimePattern(format.pattern);
    if (compiled instanceof NoPattern) throw new RangeError(`expected ${compiled.expected}`);
    return [compiled];
  });
  const ofNumbers = readers.length > (iso ? 1 : 0);
  const zone = openZone(zoneName);
  if (zone === undefined) throw new RangeError(`expected a zone, got ${zoneName}`);
  const units = formats.flatMap((format) =>
    typeof format === 'string' && format !== 'iso' ? [MICRO_DIGITS[format]] : [],
  );
  const readCivil = (value: string | number): boolean => {
    if (typeof value === 'number' && !ofNumbers) return false;
    const text = String(value);
    for (const read of readers) if (read(text, civil)) return true;
    return false;
  };
  return { civil, readCivil, zone, units };
}

const spellFormat = (format: TimeFormat): string => (typeof format === 'string' ? format : format.pattern);

function toMicros({ days, seconds, micros, offset }: Civil, zone: Zone): bigint {
  const written = days * SECONDS_A_DAY + seconds;
  const utcSeconds = Number.isNaN(offset) ? zone.toUtc(written) : written - offset;
  const total = utcSeconds * MICROS_A_SECOND + micros;
  // Exact as a number up to the year 2255.
  return Number.isSafeInteger(total)
    ? BigInt(total)
    : BigInt(utcSeconds) * BigInt(MICROS_A_SECOND) + BigInt(micros);
}

/** Undefined: no unit fits. Where none is plausible, the first one's. */
function readEpoch(value: string | number, units: readonly number[]): bigint | undefined {
  let first: bigint | undefined;
  for (const microDigits of units) {
    const time = parseEpoch(value, microDigits);
    if (time !== undefined && isPlausible(time)) return time;
    first ??= time;
  }
  return first;
}

const isPlausible = (time: bigint): boolean => time >= EARLIEST_US && time < LATEST_US;

/**
 * Judged by the record and not by the clock, so that a second run judges alike.
 * @param time µs since 1970; as a number it is exact wherever it matters, before 2100
 */
export function checkPlausible(time: number, kafkaTimestampMs: number): Rejection | undefined {
  if (time < EARLIEST_US)
    return new Rejection('impossible_time', 'expected a time from 2000 on, got an earlier one');
  if (time >= LATEST_US)
    return new Rejection('impossible_time', 'expected a time before 2100, got a later one');
  return kafkaTimestampMs >= 0 && time > Math.trunc(kafkaTimestampMs) * 1000 + AHEAD_US
    ? new Rejection(
        'impossible_time',
        'expected a time at most 24 h after the record was sent, got a later one',
      )
    : undefined;
}

function parseEpoch(value: string | number, microDigits: number): bigint | undefined {
  if (typeof value === 'number') {
    const micros = value * 10 ** microDigits;
    if (Number.isInteger(value) && Number.isSafeInteger(micros)) return BigInt(micros);
  }
  const [, sign, whole, fraction = ''] = DECIMAL.exec(String(value)) ?? [];
  if (whole === undefined) return undefined;
  const micros = BigInt(whole + fraction.slice(0, microDigits).padEnd(microDigits, '0'));
  return sign === '-' ? -micros : micros;
}
