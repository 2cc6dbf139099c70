/** The names that are looked for in one JSON object, found in its bytes without making a text of them. */
import { isSame } from './bytes';

@unmanaged
export class Name {
  /** In UTF-8, with its quotes. */
  text: usize;
  length: i32;
  /** Where the name's value goes; -1: only what is inside of it is looked for. */
  slot: i32;
  /** The `Names` that are looked for inside of its value; 0: none. */
  inside: usize;
  /** The scan that last met it. */
  seen: u32;
  /**
   * The name that came behind it the last time, since producers write names in one order, and comparing one name is
   * all that most members cost.
   */
  next: usize;
}

@unmanaged
export class Names {
  count: i32;
  /** The name that came first the last time. */
  first: usize;
}

export function makeNames(count: i32): usize {
  const names = changetype<Names>(heap.alloc(offsetof<Names>() + count * offsetof<Name>()));
  names.count = count;
  names.first = changetype<usize>(nameAt(names, 0));
  return changetype<usize>(names);
}

export function setName(names: usize, index: i32, text: usize, length: i32, slot: i32, inside: usize): void {
  const all = changetype<Names>(names);
  const name = nameAt(all, index);
  name.text = text;
  name.length = length;
  name.slot = slot;
  name.inside = inside;
  name.seen = 0;
  name.next = changetype<usize>(nameAt(all, index + 1 < all.count ? index + 1 : 0));
}

/** @returns the name that stands at an address and is the expected one behind `last` (0: the first), or 0 */
@inline
export function expected(names: Names, last: usize, at: usize): usize {
  const likely = last == 0 ? names.first : changetype<Name>(last).next;
  const name = changetype<Name>(likely);
  return isSame(name.text, at, name.length) ? likely : 0;
}

/** The same for any name. @param end of the name, behind its quote */
export function find(names: Names, last: usize, at: usize, end: usize): usize {
  const length = <i32>(end - at);
  for (let i = 0; i < names.count; i++) {
    const name = nameAt(names, i);
    if (name.length != length || !isSame(name.text, at, length)) continue;
    const found = changetype<usize>(name);
    if (last == 0) names.first = found;
    else changetype<Name>(last).next = found;
    return found;
  }
  return 0;
}

@inline
function nameAt(names: Names, index: i32): Name {
  return changetype<Name>(changetype<usize>(names) + offsetof<Names>() + index * offsetof<Name>());
}
