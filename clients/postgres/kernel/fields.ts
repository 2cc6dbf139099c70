/** The fields of PostgreSQL's binary COPY form: each its length and its bytes, highest first. */
import { putUuid } from '../../../domain/event/plain/kernel/uuid';
import { INET_IPV4 } from './types';

/** Exact as a double, as the decoder has it. */
const MAX_DIGITS: usize = 15;
const MAX_IPV4: usize = 15;
const AT_SIGN: u8 = 0x40;
const MINUS: u8 = 0x2d;
const POINT: u8 = 0x2e;
const ZERO: u8 = 0x30;

// Each answers where the field ends, the last ones 0 for a value that they leave to others.

@inline
export function putNone(at: usize): usize {
  store<u32>(at, 0xffff_ffff);
  return at + 4;
}

@inline
export function putBoolean(at: usize, value: bool): usize {
  store<u32>(at, bswap<u32>(1));
  store<u8>(at + 4, value ? 1 : 0);
  return at + 5;
}

@inline
export function putInt4(at: usize, value: i32): usize {
  store<u32>(at, bswap<u32>(4));
  store<i32>(at + 4, bswap(value));
  return at + 8;
}

@inline
export function putInt8(at: usize, value: i64): usize {
  store<u32>(at, bswap<u32>(8));
  store<i64>(at + 4, bswap(value));
  return at + 12;
}

@inline
export function putBytes16(at: usize, from: usize): usize {
  store<u32>(at, bswap<u32>(16));
  v128.store(at + 4, v128.load(from));
  return at + 20;
}

/** Writes up to 15 bytes behind the end. A text with an `@` is left to others: there may be a password before it. */
@inline
export function putText(at: usize, start: usize, end: usize): usize {
  store<u32>(at, bswap(<u32>(end - start)));
  let to = at + 4;
  for (let from = start; from < end; from += 16, to += 16) {
    const bytes = v128.load(from);
    v128.store(to, bytes);
    const signs = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(AT_SIGN)));
    if (signs != 0 && from + ctz(signs) < end) return 0;
  }
  return at + 4 + (end - start);
}

@inline
export function putUuidText(at: usize, start: usize, end: usize): usize {
  if (!putUuid(start, end, at + 4)) return 0;
  store<u32>(at, bswap<u32>(16));
  return at + 20;
}

/** Of digits, perhaps behind a `-`, of a number or a text. @param bytes 4 or 8 */
export function putWhole(at: usize, start: usize, end: usize, bytes: i32): usize {
  const negative = load<u8>(start) == MINUS;
  const first = negative ? start + 1 : start;
  if (end == first || end - first > MAX_DIGITS) return 0;
  let number: i64 = 0;
  for (let digitAt = first; digitAt < end; digitAt++) {
    const digit = load<u8>(digitAt) - ZERO;
    if (digit > 9) return 0;
    number = number * 10 + digit;
  }
  if (negative) number = -number;
  if (bytes == 8) return putInt8(at, number);
  return number == <i64>(<i32>number) ? putInt4(at, <i32>number) : 0;
}

/** Of `a.b.c.d`, without leading zeros. */
export function putIpv4(at: usize, start: usize, end: usize): usize {
  if (end - start > MAX_IPV4) return 0;
  let address: u32 = 0;
  let dots = 0;
  let byte: u32 = 0;
  let digits = 0;
  for (let from = start; from < end; from++) {
    const character = load<u8>(from);
    if (character == POINT) {
      if (digits == 0 || dots == 3) return 0;
      address = (address << 8) | byte;
      dots++;
      byte = 0;
      digits = 0;
      continue;
    }
    const digit = character - ZERO;
    if (digit > 9 || (digits > 0 && byte == 0)) return 0;
    byte = byte * 10 + digit;
    digits++;
    if (byte > 255) return 0;
  }
  if (dots != 3 || digits == 0) return 0;
  return putInt8(at, ((<i64>INET_IPV4) << 32) | ((address << 8) | byte));
}
