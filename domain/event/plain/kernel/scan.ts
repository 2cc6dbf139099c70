/**
 * Finds values in the bytes of a plain JSON event and makes no object and no text of it. Plain is: an object of
 * objects, texts, numbers, booleans and nulls, without an escape, without an array, no looked-for name twice.
 * JSON.parse accepts all that is plain.
 *
 * The caller has sixteen NULs behind the bytes: no loop runs past one, since nothing plain has any.
 */
import { FALSE, FRACTION, NULL, OTHER, TEXT, TRUE, WHOLE } from '../kinds';
import { expected, find, Name, Names } from './names';
import { clearSlots, setSlot } from './slots';
import { isUtf8 } from './utf8';

const MAX_DEPTH = 16;
/** Exact as a number, with room to spare. */
const MAX_DIGITS: usize = 15;

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const COMMA: u8 = 0x2c;
const COLON: u8 = 0x3a;
const OPEN: u8 = 0x7b;
const CLOSE: u8 = 0x7d;
const MINUS: u8 = 0x2d;
const PLUS: u8 = 0x2b;
const POINT: u8 = 0x2e;
const ZERO: u8 = 0x30;
const SPACE: u8 = 0x20;
const E: u8 = 0x65;
const F: u8 = 0x66;
/** Four bytes as they are loaded. */
const WORD_NULL: u32 = 0x6c6c756e;
const WORD_TRUE: u32 = 0x65757274;
const WORD_ALSE: u32 = 0x65736c61;

/** Marks the names that one scan has met. */
let scans: u32 = 0;

/** @param names that are looked for in the event. @returns whether it is plain; if not, nothing is known of it */
export function scan(names: usize, from: usize, to: usize): bool {
  scans++;
  clearSlots();
  const start = skipBlank(from);
  if (load<u8>(start) != OPEN) return false;
  const end = object(names, start, 1);
  // What stands behind `to` belongs to another event: a value that runs on into it ends beyond.
  if (end == 0 || end > to) return false;
  return skipBlank(end) >= to && isUtf8(from, to);
}

// The functions below begin at an address and answer where what they read ends, or 0 when it is not plain.

/** At the `{`; `names` 0: nothing is looked for inside. */
function object(names: usize, start: usize, depth: i32): usize {
  if (depth > MAX_DEPTH) return 0;
  let at = skipBlank(start + 1);
  if (load<u8>(at) == CLOSE) return at + 1;
  let last: usize = 0;
  while (true) {
    let name: usize = 0;
    if (names != 0) name = expected(changetype<Names>(names), last, at);
    if (name != 0) at += changetype<Name>(name).length;
    else {
      if (load<u8>(at) != QUOTE) return 0;
      const end = text(at + 1) + 1;
      if (end == 1) return 0;
      if (names != 0) name = find(changetype<Names>(names), last, at, end);
      at = end;
    }
    at = skipBlank(at);
    if (load<u8>(at) != COLON) return 0;
    at = skipBlank(at + 1);
    let slot = -1;
    let inside: usize = 0;
    if (name != 0) {
      const known = changetype<Name>(name);
      // Of a name that comes twice JSON.parse takes the last value: that is left to it.
      if (known.seen == scans) return 0;
      known.seen = scans;
      slot = known.slot;
      inside = known.inside;
      last = name;
    }
    at = value(slot, inside, at, depth);
    if (at == 0) return 0;
    at = skipBlank(at);
    const after = load<u8>(at);
    if (after == CLOSE) return at + 1;
    if (after != COMMA) return 0;
    at = skipBlank(at + 1);
  }
}

@inline
function value(slot: i32, inside: usize, start: usize, depth: i32): usize {
  const first = load<u8>(start);
  if (first == QUOTE) {
    const end = text(start + 1);
    if (end == 0) return 0;
    if (slot >= 0) setSlot(slot, TEXT, start + 1, end);
    return end + 1;
  }
  if (first == OPEN) {
    const end = object(inside, start, depth + 1);
    if (slot >= 0) setSlot(slot, OTHER, start, end);
    return end;
  }
  const word = load<u32>(start);
  if (word == WORD_NULL) return constant(slot, NULL, start, 4);
  if (word == WORD_TRUE) return constant(slot, TRUE, start, 4);
  if (first == F && load<u32>(start + 1) == WORD_ALSE) return constant(slot, FALSE, start, 5);
  return number(slot, start);
}

@inline
function constant(slot: i32, kind: i32, start: usize, length: i32): usize {
  if (slot >= 0) setSlot(slot, kind, start, start + length);
  return start + length;
}

/** Behind the opening quote. @returns where the closing one is */
@inline
function text(start: usize): usize {
  let at = start;
  while (true) {
    const bytes = v128.load(at);
    const quotes = i8x16.eq(bytes, i8x16.splat(QUOTE));
    const backslashes = i8x16.eq(bytes, i8x16.splat(BACKSLASH));
    const controls = i8x16.lt_u(bytes, i8x16.splat(SPACE));
    const stops = i8x16.bitmask(v128.or(v128.or(quotes, backslashes), controls));
    if (stops != 0) {
      at += ctz(stops);
      return load<u8>(at) == QUOTE ? at : 0;
    }
    at += 16;
  }
}

function number(slot: i32, start: usize): usize {
  const first = load<u8>(start) == MINUS ? start + 1 : start;
  let at = digits(first);
  const leadingZero = load<u8>(first) == ZERO;
  if (at == first || (leadingZero && at > first + 1)) return 0;
  // `-0` is a number that the text of its digits is not.
  let kind = at - first > MAX_DIGITS || (leadingZero && first > start) ? FRACTION : WHOLE;
  if (load<u8>(at) == POINT) {
    kind = FRACTION;
    const end = digits(at + 1);
    if (end == at + 1) return 0;
    at = end;
  }
  if ((load<u8>(at) | 0x20) == E) {
    kind = FRACTION;
    const sign = load<u8>(at + 1);
    const from = sign == MINUS || sign == PLUS ? at + 2 : at + 1;
    at = digits(from);
    if (at == from) return 0;
  }
  if (slot >= 0) setSlot(slot, kind, start, at);
  return at;
}

@inline
function digits(start: usize): usize {
  let at = start;
  while (<u8>(load<u8>(at) - ZERO) < 10) at++;
  return at;
}

@inline
function skipBlank(start: usize): usize {
  let at = start;
  while (isBlank(load<u8>(at))) at++;
  return at;
}

@inline
function isBlank(byte: u8): bool {
  return byte <= SPACE && (byte == SPACE || byte == 0x0a || byte == 0x0d || byte == 0x09);
}
