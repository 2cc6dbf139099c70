/** Uuids as text, `8-4-4-4-12` hex digits of either case, and their 16 bytes. */

const LENGTH: usize = 36;
const HYPHEN: u8 = 0x2d;

/** @returns false where the text is no uuid; what stands at `into` then means nothing */
@inline
export function putUuid(start: usize, end: usize, into: usize): bool {
  if (end - start != LENGTH) return false;
  if (load<u8>(start + 8) != HYPHEN || load<u8>(start + 13) != HYPHEN) return false;
  if (load<u8>(start + 18) != HYPHEN || load<u8>(start + 23) != HYPHEN) return false;
  const a = v128.load(start);
  const b = v128.load(start + 16);
  const c = v128.load(start + 20);
  // The digits without the hyphens, sixteen and sixteen.
  const high = i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17);
  const low = i8x16.shuffle(b, c, 3, 4, 5, 6, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  if (!i8x16.all_true(v128.and(isHex(high), isHex(low)))) return false;
  v128.store(into, i8x16.narrow_i16x8_u(pairs(high), pairs(low)));
  return true;
}

@inline
function isDigit(bytes: v128): v128 {
  return i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x30)), i8x16.splat(10));
}

/** All bits of a byte are set where it is a hex digit. */
@inline
function isHex(bytes: v128): v128 {
  const letters = i8x16.sub(v128.or(bytes, i8x16.splat(0x20)), i8x16.splat(0x61));
  return v128.or(isDigit(bytes), i8x16.lt_u(letters, i8x16.splat(6)));
}

/** Sixteen hex digits → eight numbers of two digits, each in 16 bits. */
@inline
function pairs(bytes: v128): v128 {
  // Of a letter the lower four bits are 1 to 6, and stand for 10 to 15.
  const nine = v128.andnot(i8x16.splat(9), isDigit(bytes));
  const values = i8x16.add(v128.and(bytes, i8x16.splat(0x0f)), nine);
  const both = v128.or(i16x8.shl(values, 4), i16x8.shr_u(values, 8));
  return v128.and(both, i16x8.splat(0xff));
}
