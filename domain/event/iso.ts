import { countDigits, daysSince1970, digits, fractionMicros, readOffset, type CivilReader } from './civil.js';

const MAX_FRACTION_DIGITS = 18;

/**
 * ISO 8601's extended form, a blank in place of the `T` allowed. A date alone is its midnight, `:60` the next
 * second; a zone is `Z`, `+05`, `+0530` or `+05:30`.
 */
export const readIso: CivilReader = (text, civil) => {
  const days = readDate(text);
  if (days === undefined) return false;
  let at = 10;
  let seconds = 0;
  let micros = 0;
  civil.offset = NaN;
  if (text.length > 10) {
    const between = text.charAt(10);
    const hour = digits(text, 11, 2);
    const minute = digits(text, 14, 2);
    if (between !== 'T' && between !== ' ' && between !== 't') return false;
    if (text.charAt(13) !== ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59) return false;
    seconds = hour * 3600 + minute * 60;
    at = 16;
    if (text.charAt(16) === ':') {
      const second = digits(text, 17, 2);
      if (second < 0 || second > 60) return false;
      seconds += second;
      at = 19;
      if (text.charAt(19) === '.' || text.charAt(19) === ',') {
        const count = countDigits(text, 20, MAX_FRACTION_DIGITS);
        if (count === 0) return false;
        micros = fractionMicros(text, 20, count);
        at = 20 + count;
      }
    }
    if (at < text.length) at = readOffset(text, text.charAt(at) === ' ' ? at + 1 : at, civil);
  }
  if (at !== text.length) return false;
  civil.days = days;
  civil.seconds = seconds;
  civil.micros = micros;
  return true;
};

/** Days since 1970 of the `2026-01-31` that a text begins with. */
export function readDate(text: string): number | undefined {
  if (text.length < 10 || text.charAt(4) !== '-' || text.charAt(7) !== '-') return undefined;
  return daysSince1970(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2));
}
