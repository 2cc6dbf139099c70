/** Rows in PostgreSQL's binary COPY form, put into the order of their event ids. */

import { EVENT_ID_AT } from './types';

/** A row that lies in memory. */
@unmanaged
class Row {
  from: u32;
  to: u32;
  /** The highest 32 bits of its event id. */
  id: u32;
  unused: u32;
}

const BITS: u32 = 11;
const BUCKETS: u32 = 1 << BITS;
const buckets = memory.data(2048 * 4);
/** Where the bytes end that were gathered last. */
const gatheredEnd = memory.data(4);

/** A word. */
export function gatheredEndAt(): usize {
  return gatheredEnd;
}

/**
 * Sorts rows by the highest 32 bits of their event ids, which is enough for neighbours to be near each other; equal
 * ones stay as they are.
 * @param spare as much memory as the rows have
 * @returns where the rows are now: in the spare memory
 */
export function orderRows(rows: usize, spare: usize, count: u32): usize {
  for (let i: u32 = 0; i < count; i++) {
    const row = rowAt(rows, i);
    row.id = bswap<u32>(load<u32>(<usize>row.from + EVENT_ID_AT));
  }
  pass(rows, spare, count, 0);
  pass(spare, rows, count, BITS);
  pass(rows, spare, count, 2 * BITS);
  return spare;
}

/** One pass of a radix sort, by eleven bits of the id. */
function pass(from: usize, into: usize, count: u32, shift: u32): void {
  memory.fill(buckets, 0, BUCKETS * 4);
  const rowsEnd = from + count * offsetof<Row>();
  for (let row = from; row < rowsEnd; row += offsetof<Row>()) {
    const bucket = bucketOf(row, shift);
    store<u32>(bucket, load<u32>(bucket) + 1);
  }
  let before: u32 = 0;
  for (let i: u32 = 0; i < BUCKETS; i++) {
    const bucket = buckets + i * 4;
    const inBucket = load<u32>(bucket);
    store<u32>(bucket, before);
    before += inBucket;
  }
  for (let row = from; row < rowsEnd; row += offsetof<Row>()) {
    const bucket = bucketOf(row, shift);
    const place = load<u32>(bucket);
    store<u32>(bucket, place + 1);
    v128.store(into + place * offsetof<Row>(), v128.load(row));
  }
}

@inline
function bucketOf(row: usize, shift: u32): usize {
  return buckets + ((changetype<Row>(row).id >> shift) & (BUCKETS - 1)) * 4;
}

/**
 * Copies rows, one behind the other, as far as there is room; up to 15 bytes are read and written behind each.
 * @param into with room for the longest row
 * @returns the first row that was not copied
 */
export function gatherRows(rows: usize, first: u32, count: u32, into: usize, room: u32): u32 {
  const limit = into + room;
  let to = into;
  let i = first;
  for (; i < count; i++) {
    const row = rowAt(rows, i);
    const length = row.to - row.from;
    if (to + length > limit) break;
    for (let at: usize = 0; at < length; at += 16) v128.store(to + at, v128.load(<usize>row.from + at));
    to += length;
  }
  store<u32>(gatheredEnd, <u32>to);
  return i;
}

@inline
function rowAt(rows: usize, index: u32): Row {
  return changetype<Row>(rows + index * offsetof<Row>());
}
