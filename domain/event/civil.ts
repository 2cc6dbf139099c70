/** A time as people write it: a day, a time of that day, perhaps an offset from UTC. */

/** Filled by readers and used at once, so that a time costs no object. */
export interface Civil {
  /** Since 1970-01-01. */
  days: number;
  /** Of the day, at most 86,400: `23:59:60` is the next second. */
  seconds: number;
  micros: number;
  /** Seconds east of UTC; NaN where the text names no zone. */
  offset: number;
}

/** @returns whether all of the text was a time; `civil` is filled only then */
export type CivilReader = (text: string, civil: Civil) => boolean;

const DAYS_IN_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** From 0000-03-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_468;

/** Undefined for a date that the calendar has not, such as 30 February. Years 1 to 9999. */
export function daysSince1970(year: number, month: number, day: number): number | undefined {
  if (!(year > 0) || !(month >= 1 && month <= 12) || !(day >= 1)) return undefined;
  if (day > (DAYS_IN_MONTH[month - 1] ?? 0)) return undefined;
  if (month === 2 && day === 29 && (year % 4 !== 0 || (year % 100 === 0 && year % 400 !== 0)))
    return undefined;
  // Counted in years that begin in March, so that a leap day is the last of its year.
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - DAYS_TO_1970;
}

/** The number in `count` digits at a position, or -1. */
export function digits(text: string, at: number, count: number): number {
  let number = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** How many digits begin at a position, at most `max`. */
export function countDigits(text: string, at: number, max: number): number {
  let count = 0;
  while (count < max && isDigit(text.charCodeAt(at + count))) count++;
  return count;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

/** `count` digits of a fraction as µs; what is finer is cut. */
export function fractionMicros(text: string, at: number, count: number): number {
  let micros = digits(text, at, Math.min(count, 6));
  for (let i = count; i < 6; i++) micros *= 10;
  return micros;
}

/** Reads `Z`, `+05`, `+0530` or `+05:30` at a position. @returns where it ends, -1 when there is none */
export function readOffset(text: string, at: number, civil: Pick<Civil, 'offset'>): number {
  const sign = text.charAt(at);
  if (sign === 'Z' || sign === 'z') {
    civil.offset = 0;
    return at + 1;
  }
  if (sign !== '+' && sign !== '-') return -1;
  const hours = digits(text, at + 1, 2);
  const colon = text.charAt(at + 3) === ':' ? 1 : 0;
  const hasMinutes = colon === 1 || countDigits(text, at + 3, 2) === 2;
  const minutes = hasMinutes ? digits(text, at + 3 + colon, 2) : 0;
  if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return -1;
  civil.offset = (sign === '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  return at + (hasMinutes ? 5 + colon : 3);
}

export const MICROS_A_SECOND = 1_000_000;
export const SECONDS_A_DAY = 86_400;
