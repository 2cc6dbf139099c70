/** Times in the spelling that most producers use. */

/** Of `2026-01-31T12:00:00`. */
const LENGTH: usize = 19;
const HYPHEN: u8 = 0x2d;
const COLON: u8 = 0x3a;
const POINT: u8 = 0x2e;
const T: u8 = 0x54;
const Z: u8 = 0x5a;
/** From 0000-03-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_468;
/** A bit for each month of 31 days, from the first on. */
const LONG_MONTHS: u32 = 0b1010_1101_0101_0;

/**
 * µs since 1970 of `2026-01-31T12:00:00Z`, with up to six digits of a fraction; NaN for every other spelling and for
 * times that the calendar has not: others may know them. Reads 27 bytes at most.
 */
export function isoMicros(start: usize, end: usize): f64 {
  const length = end - start;
  if (length < LENGTH + 1 || length > LENGTH + 8 || load<u8>(end - 1) != Z) return NaN;
  if (load<u8>(start + 4) != HYPHEN || load<u8>(start + 7) != HYPHEN || load<u8>(start + 10) != T) return NaN;
  if (load<u8>(start + 13) != COLON || load<u8>(start + 16) != COLON) return NaN;
  const century = two(start);
  const ofCentury = two(start + 2);
  const month = two(start + 5);
  const day = two(start + 8);
  const hour = two(start + 11);
  const minute = two(start + 14);
  const second = two(start + 17);
  if ((century | ofCentury | month | day | hour | minute | second) < 0) return NaN;
  const year = century * 100 + ofCentury;
  if (year == 0 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return NaN;
  if (hour > 23 || minute > 59 || second > 59) return NaN;
  let micros = 0;
  if (length > LENGTH + 1) {
    const count = <i32>(length - LENGTH - 2);
    if (count == 0 || load<u8>(start + LENGTH) != POINT) return NaN;
    for (let i = 0; i < 6; i++) {
      const digit = i < count ? <i32>load<u8>(start + LENGTH + 1 + i) - 0x30 : 0;
      if (<u32>digit > 9) return NaN;
      micros = micros * 10 + digit;
    }
  }
  const seconds = daysSince1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
  return <f64>(seconds * 1_000_000 + micros);
}

/** The number in two digits; negative when one of them is none. */
@inline
function two(at: usize): i32 {
  const tens = <i32>load<u8>(at) - 0x30;
  const ones = <i32>load<u8>(at + 1) - 0x30;
  return <u32>tens > 9 || <u32>ones > 9 ? -1 : tens * 10 + ones;
}

@inline
function daysOf(year: i32, month: i32): i32 {
  if (month != 2) return 30 + <i32>((LONG_MONTHS >> month) & 1);
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
}

@inline
function daysSince1970(year: i32, month: i32, day: i32): i64 {
  // Counted in years that begin in March, so that a leap day is the last of its year.
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - DAYS_TO_1970;
}
