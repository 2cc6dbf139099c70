import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ClaimFilter } from '../../../clients/postgres/claimFilter.js';

type Id = readonly [number, number, number, number];
const bytesOf = (...ids: readonly Id[]): Uint8Array =>
  new Uint8Array(Uint32Array.from(ids.flat(), (word) => word >>> 0).buffer);
const claim = (filter: ClaimFilter, ...ids: readonly Id[]): Uint8Array => {
  const seen = new Uint8Array(ids.length);
  filter.claim(bytesOf(...ids), seen);
  return seen;
};
const isSeen = (filter: ClaimFilter, id: Id): boolean => claim(filter, id)[0] === 1;
/** Ids as the worst producers make them: a counter, the rest equal. */
const counted = (n: number): Id => [0, 0x40, 0x80, n];
const random = (): Id => {
  const word = (): number => (Math.random() * 2 ** 32) >>> 0;
  return [word(), word(), word(), word()];
};

const word = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1));
const ids = fc.array(fc.tuple(word, word, word, word), { maxLength: 2000 });

describe('the claim filter', () => {
  test('never forgets an id of the last generation, whatever the ids and however small it is', () => {
    fc.assert(
      fc.property(ids, fc.constantFrom(32, 256, 4096), (list, bytes) => {
        const filter = new ClaimFilter({ bytes });
        const remembered: Id[] = [];
        for (const id of list) {
          claim(filter, id);
          remembered.push(id);
          // The last `capacity` claims are at most as many new ids.
          const last = remembered.slice(-filter.capacity);
          for (const known of [last[0], last[last.length >> 1], id])
            if (known !== undefined) {
              assert.equal(isSeen(filter, known), true);
              remembered.push(known);
            }
        }
      }),
      { numRuns: 50 },
    );
  });

  test('judges ids that it is given together as it would one after the other', () => {
    const id = fc.integer({ min: 0, max: 9_000 }).map(counted);
    fc.assert(
      fc.property(
        // The kernel takes 4,096 at once.
        fc.array(id, { minLength: 4_000, maxLength: 5_000, size: 'max' }),
        fc.constantFrom(256, 64 * 1024),
        (list, bytes) => {
          const [together, single] = [new ClaimFilter({ bytes }), new ClaimFilter({ bytes })];
          const alone = Uint8Array.from(list, (one) => Number(isSeen(single, one)));
          assert.deepEqual(claim(together, ...list), alone);
        },
      ),
      { numRuns: 20, endOnFailure: true },
    );
  });

  for (const [what, idOf] of [
    ['counted', counted],
    ['random', random],
  ] as const)
    test(`takes fewer than one new id in 500 for a seen one when both generations are full (${what} ids)`, () => {
      const filter = new ClaimFilter({ bytes: 64 * 1024 });
      const { capacity } = filter;
      let hits = 0;
      for (let n = 0; n < 10 * capacity; n++) if (isSeen(filter, idOf(n)) && n >= 2 * capacity) hits++;
      assert.ok(hits / (8 * capacity) < 1 / 500, `${hits} of ${8 * capacity}`);
    });

  test('forgets in the end, so that it never fills', () => {
    const filter = new ClaimFilter({ bytes: 1024 });
    claim(filter, counted(0));
    for (let n = 1; n < 3 * filter.capacity; n++) claim(filter, random());
    let hits = 0;
    for (let n = 0; n < filter.capacity; n++) if (isSeen(filter, random())) hits++;
    assert.ok(hits < filter.capacity / 20, `${hits} of ${filter.capacity}`);
  });

  test('has two generations of 16 MiB by default and remembers the last eight million ids', () => {
    assert.equal(new ClaimFilter().capacity, 8 * 1024 * 1024);
    assert.throws(() => new ClaimFilter({ bytes: 1000 }), /power of two of at least 32, got 1000/);
  });
});
