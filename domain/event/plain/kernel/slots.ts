/** What the last scan found, by slot: each path that the mapping asks for has one. */
import { ABSENT, NULL, TEXT } from '../kinds';
import { isSame } from './bytes';

/** A spelling of no value. */
@unmanaged
class Spelling {
  text: usize;
  length: i32;
}

let count: i32 = 0;
let kinds: usize = 0;
let starts: usize = 0;
let ends: usize = 0;
let nulls: usize = 0;
let nullCount: i32 = 0;

export function makeSlots(slots: i32, nullSpellings: i32): void {
  count = slots;
  kinds = heap.alloc(slots);
  starts = heap.alloc(slots * 4);
  ends = heap.alloc(slots * 4);
  nullCount = nullSpellings;
  nulls = heap.alloc(nullSpellings * offsetof<Spelling>());
}

export function setNull(index: i32, text: usize, length: i32): void {
  const spelling = changetype<Spelling>(nulls + index * offsetof<Spelling>());
  spelling.text = text;
  spelling.length = length;
}

/** A byte a slot. */
export function kindsAt(): usize {
  return kinds;
}

/** A word a slot: where the value's bytes begin, and where they end; a text's, without the quotes. */
export function startsAt(): usize {
  return starts;
}
export function endsAt(): usize {
  return ends;
}

@inline
export function clearSlots(): void {
  memory.fill(kinds, <u8>ABSENT, count);
}

@inline
export function kindOf(slot: i32): i32 {
  return load<u8>(kinds + slot);
}

@inline
export function startOf(slot: i32): usize {
  return load<u32>(starts + slot * 4);
}

@inline
export function endOf(slot: i32): usize {
  return load<u32>(ends + slot * 4);
}

@inline
export function setSlot(slot: i32, kind: i32, start: usize, end: usize): void {
  store<u8>(kinds + slot, kind == TEXT && isNull(start, <i32>(end - start)) ? NULL : kind);
  store<u32>(starts + slot * 4, <u32>start);
  store<u32>(ends + slot * 4, <u32>end);
}

@inline
function isNull(text: usize, length: i32): bool {
  for (let i = 0; i < nullCount; i++) {
    const spelling = changetype<Spelling>(nulls + i * offsetof<Spelling>());
    if (spelling.length == length && isSame(spelling.text, text, length)) return true;
  }
  return false;
}
