import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CopyEncoder } from '../../../clients/postgres/copyBinary.js';
import { RowSorter } from '../../../clients/postgres/rowSorter.js';

const WINDOW = 64 * 1024;
const encoder = new CopyEncoder(['bigint', 'uuid', 'timestamptz', 'text']);

/** @param text of a length that is none of the ids' business */
function rowOf(id: string, text: string): Buffer {
  encoder.rowWithKeys(
    { high: 1, low: text.length, eventId: Buffer.from(id, 'hex'), timeHigh: 0, timeLow: 7 },
    [text],
  );
  return encoder.take();
}

/** Fills the window with rows, among them one that nobody wants, and empties it. */
function sort(sorter: RowSorter, rows: readonly Buffer[]): Buffer {
  let at = 0;
  const unwanted = rowOf('00'.repeat(16), 'unwanted');
  for (const [i, row] of rows.entries()) {
    if (i === 1) at += unwanted.copy(sorter.window, at);
    const from = at;
    at += row.copy(sorter.window, at);
    sorter.add(from, at);
  }
  return emptied(sorter);
}

/** A chunk is good until the one after the next, so each is copied. */
const emptied = (sorter: RowSorter): Buffer =>
  Buffer.concat(Array.from(sorter.sorted(), (chunk) => Buffer.from(chunk)));

/** By what counts of an id, equal ones as they came. */
const inOrder = (rows: readonly { readonly id: string; readonly row: Buffer }[]): Buffer =>
  Buffer.concat(
    [...rows]
      .sort((a, b) => parseInt(a.id.slice(0, 8), 16) - parseInt(b.id.slice(0, 8), 16))
      .map(({ row }) => row),
  );

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'));
/** Few beginnings, so that many are equal. */
const alike = fc.tuple(fc.constantFrom('00000000', '00000001', '7fffffff', '80000000', 'ffffffff'), id);
const anyId = fc.oneof(
  id,
  alike.map(([begin, rest]) => begin + rest.slice(8)),
);
const anyText = fc
  .oneof(fc.nat(40), fc.nat(2_000))
  .chain((length) => fc.constantFrom('a'.repeat(length), 'é'.repeat(length)));

describe('the row sorter', () => {
  test('hands over all wanted rows in the order of their ids, window after window', () => {
    const sorter = new RowSorter(WINDOW);
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.record({ id: anyId, text: anyText }), { maxLength: 15 }), { maxLength: 4 }),
        (windows) => {
          for (const window of windows) {
            const rows = window.map((row) => ({ id: row.id, row: rowOf(row.id, row.text) }));
            const wanted = rows.map(({ row }) => row);
            assert.ok(sort(sorter, wanted).equals(inOrder(rows)));
          }
        },
      ),
    );
  });

  test('takes a window to its last byte, a row as long as a chunk, and as many rows as it says', () => {
    const least = rowOf('ff'.repeat(16), '').length;
    const longest = rowOf('aa'.repeat(16), 'x'.repeat(RowSorter.maxRow - least));
    assert.equal(longest.length, RowSorter.maxRow);
    const first = rowOf('00'.repeat(16), 'first');
    const window = longest.length * 2 + first.length;
    const sorter = new RowSorter(window);
    let at = 0;
    for (const row of [longest, longest, first]) {
      const from = at;
      at += row.copy(sorter.window, at);
      sorter.add(from, at);
    }
    assert.equal(at, sorter.window.length);
    assert.ok(emptied(sorter).equals(Buffer.concat([first, longest, longest])));

    first.copy(sorter.window);
    let rows = 0;
    for (; !sorter.full; rows++) sorter.add(0, first.length);
    assert.equal(emptied(sorter).length, rows * first.length);
    assert.equal(sorter.full, false);
  });
});
