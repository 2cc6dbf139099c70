/** A JSON value → the value of a column of some type, or why it does not fit. */
import type { ColumnType, TimeSpelling } from '../config/config.js';
import { ipv4Number, parseAddress } from './address.js';
import { Rejection } from './rejection.js';
import { checkExact, checkKeyLength, checkText, jsonText } from './text.js';
import { dateReader, timeReader } from './time.js';
import type { Value } from './types.js';
import { withoutPassword } from './url.js';
import { uuidBytes } from './uuid.js';

/**
 * Neither undefined nor null comes in: these are missing values. A bigint is one of `$kafka`: its offset, or its
 * timestamp in µs.
 */
export type Converter = (value: unknown) => Value | Rejection;

const WHOLE = /^[+-]?\d{1,40}$/;
const DECIMAL = /^[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,6})?$/;

interface WholeRange {
  readonly min: bigint;
  readonly max: bigint;
  readonly expected: string;
}
const signed = (bits: bigint): WholeRange => {
  const max = 2n ** (bits - 1n) - 1n;
  return { min: -max - 1n, max, expected: `a whole number from ${-max - 1n} to ${max}` };
};
const INT4 = signed(32n);
const INT8 = signed(64n);

const wrong = (expected: string, value: unknown): Rejection =>
  new Rejection('wrong_type', `expected ${expected}, got ${typeName(value)}`);

/** The JSON type; of the value itself nothing may be told. */
const typeName = (value: unknown): string => {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'other text' : `a ${typeof value}`;
};

/** Text; numbers and booleans as JSON spells them. */
export const toText = (value: unknown): string | Rejection => {
  if (typeof value === 'string') return checkText(value) ?? value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value))
      return new Rejection('number_out_of_range', 'expected a finite number, got more');
    return checkExact(value) ?? String(value);
  }
  return typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : wrong('text', value);
};

/**
 * What a column of type text holds. Any may hold URLs (a referrer, a link), and a password is nobody's business in
 * tables that people search.
 */
const toColumnText: Converter = (value) => {
  const text = toText(value);
  if (typeof text !== 'string' || !text.includes('@')) return text;
  // A path that begins with slashes is no URL in a column of anything.
  return text.includes('://') || !/^\s*[\\/]/.test(text) ? withoutPassword(text) : text;
};

const whole = (value: unknown, { min, max, expected }: WholeRange): bigint | Rejection => {
  let number: bigint;
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) {
      return Number.isFinite(value)
        ? wrong(expected, value)
        : new Rejection('number_out_of_range', `expected ${expected}, got more`);
    }
    const inexact = checkExact(value);
    if (inexact !== undefined) return inexact;
    number = BigInt(value);
  } else if (typeof value === 'bigint') number = value;
  else if (typeof value === 'string' && WHOLE.test(value)) number = BigInt(value.replace(/^\+/, ''));
  else return wrong(expected, value);
  return number < min || number > max
    ? new Rejection('number_out_of_range', `expected ${expected}, got one beyond`)
    : number;
};

const toInteger: Converter = (value) => {
  if (typeof value === 'number' && value === (value | 0)) return value | 0;
  const number = whole(value, INT4);
  return typeof number === 'bigint' ? Number(number) : number;
};

const toDouble: Converter = (value) => {
  const number = typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value;
  if (typeof number !== 'number') return wrong('a number', value);
  // `-0` and `0` are one figure to people, and two to a hash.
  return Number.isFinite(number)
    ? number + 0
    : new Rejection('number_out_of_range', 'expected a number that a double holds, got one beyond');
};

const BOOLEANS = new Map<unknown, boolean>([
  [true, true],
  [false, false],
  [1, true],
  [0, false],
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
]);
const toBoolean: Converter = (value) =>
  BOOLEANS.get(typeof value === 'string' ? value.toLowerCase() : value) ?? wrong('true or false', value);

const toDate = (spelling: TimeSpelling): Converter => {
  const read = dateReader(spelling);
  return (value) => read(value) ?? wrong('a date such as 2026-01-31, or a time', value);
};

const toInet: Converter = (value) =>
  typeof value === 'string' && (ipv4Number(value) !== undefined || parseAddress(value) !== undefined)
    ? value
    : wrong('an IPv4 or IPv6 address without zone and mask', value);

const toUuid: Converter = (value) =>
  typeof value === 'string' && uuidBytes(value) !== undefined ? value.toLowerCase() : wrong('a uuid', value);

/** Years 1 to 9999: what ISO text can say, far inside PostgreSQL's bounds. */
const MIN_TIME_US = -62_135_596_800_000_000n;
const MAX_TIME_US = 253_402_300_800_000_000n;

const toTimestamp = (spelling: TimeSpelling): Converter => {
  const read = timeReader(spelling);
  return (value) => {
    const time = read(value);
    if (time instanceof Rejection || (time >= MIN_TIME_US && time < MAX_TIME_US)) return time;
    return new Rejection('impossible_time', 'expected a time in the years 1 to 9999, got another');
  };
};

/** Of the column with the role user: users are keys, see checkKeyLength. */
export const bounded =
  (convert: Converter): Converter =>
  (value) => {
    const text = convert(value);
    return (typeof text === 'string' ? checkKeyLength(text) : undefined) ?? text;
  };

/** @param times how timestamptz and date columns are written: as the event's own time */
export function converter(type: ColumnType, times: TimeSpelling): Converter {
  switch (type) {
    case 'text':
      return toColumnText;
    case 'integer':
      return toInteger;
    case 'bigint':
      return (value) => whole(value, INT8);
    case 'double':
      return toDouble;
    case 'boolean':
      return toBoolean;
    case 'timestamptz':
      return toTimestamp(times);
    case 'date':
      return toDate(times);
    case 'inet':
      return toInet;
    case 'uuid':
      return toUuid;
    case 'jsonb':
      return jsonText;
  }
}
