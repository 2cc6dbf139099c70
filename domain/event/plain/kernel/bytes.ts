/** Comparing bytes sixteen at a time. What is read behind their end counts for nothing. */

/** Whether `length` bytes are the same. */
@inline
export function isSame(a: usize, b: usize, length: i32): bool {
  while (length > 16) {
    if (sameBytes(a, b) < 16) return false;
    a += 16;
    b += 16;
    length -= 16;
  }
  return sameBytes(a, b) >= length;
}

/** How many of sixteen bytes are the same, from the first on. */
@inline
function sameBytes(a: usize, b: usize): i32 {
  return ctz(~i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b))));
}
