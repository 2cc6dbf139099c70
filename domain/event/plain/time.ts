import { daysSince1970, MICROS_A_SECOND, SECONDS_A_DAY } from '../civil.js';

const HYPHEN = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const T = 0x54;
const Z = 0x5a;
/** Of `2026-01-31T12:00:00`. */
const LENGTH = 19;

/**
 * µs since 1970 of the spelling that most producers use, `2026-01-31T12:00:00Z` with up to six digits of a fraction;
 * NaN for every other, which the general reader may still know.
 */
export function isoMicros(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < LENGTH + 1 || length > LENGTH + 8 || bytes[end - 1] !== Z) return NaN;
  if (bytes[start + 4] !== HYPHEN || bytes[start + 7] !== HYPHEN || bytes[start + 10] !== T) return NaN;
  if (bytes[start + 13] !== COLON || bytes[start + 16] !== COLON) return NaN;
  const days = daysSince1970(
    digits(bytes, start, 4),
    digits(bytes, start + 5, 2),
    digits(bytes, start + 8, 2),
  );
  const hour = digits(bytes, start + 11, 2);
  const minute = digits(bytes, start + 14, 2);
  const second = digits(bytes, start + 17, 2);
  if (days === undefined || !(hour < 24 && minute < 60 && second < 60)) return NaN;
  let micros = 0;
  if (length > LENGTH + 1) {
    const count = length - LENGTH - 2;
    if (count === 0 || bytes[start + LENGTH] !== POINT) return NaN;
    micros = digits(bytes, start + LENGTH + 1, count);
    for (let i = count; i < 6; i++) micros *= 10;
  }
  return (days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second) * MICROS_A_SECOND + micros;
}

/** NaN when one of them is no digit. */
function digits(bytes: Uint8Array, at: number, count: number): number {
  let number = 0;
  for (let i = at; i < at + count; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return number;
}
