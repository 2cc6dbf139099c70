import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RowClaims } from '../../activities/rowClaims.js';
import { ClaimFilter } from '../../clients/postgres/claimFilter.js';

const idOf = (n: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => (i < 4 ? n >> (8 * i) : 7));
const MINUTE = 60_000_000;
const small = (): ClaimFilter => new ClaimFilter({ bytes: 64 * 1024 });

describe('the claims of a batch', () => {
  test('rows with new ids are no candidates, and the same rows again all are', () => {
    const filter = small();
    const batch = (): ReturnType<RowClaims['settle']> => {
      const claims = new RowClaims();
      for (let n = 0; n < 3000; n++) claims.add(idOf(n), n % 3, (n % 5) * MINUTE + 1);
      return claims.settle(filter);
    };
    assert.deepEqual(batch(), { candidates: [], minutes: [0, 1, 2, 3, 4] });
    assert.deepEqual(batch(), { candidates: [[0, 3000]], minutes: [] });
  });

  test('of equal ids in a batch the row with the lowest click_id is the first, wherever it stands', () => {
    const claims = new RowClaims();
    claims.add(idOf(1), 2, 0);
    claims.add(idOf(2), 0, 0);
    claims.add(idOf(1), 1, -MINUTE);
    claims.add(idOf(2), 0, 9 * MINUTE);
    assert.deepEqual(claims.settle(small()), {
      candidates: [
        [0, 1],
        [3, 4],
      ],
      minutes: [-1, 0],
    });
  });

  test('every id has at most one row that is no candidate, in one batch or many', () => {
    const row = fc.record({ id: fc.nat(40), partition: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(fc.array(row, { maxLength: 60 }), { maxLength: 6 }), (batches) => {
        const filter = small();
        const first = new Set<number>();
        for (const rows of batches) {
          const claims = new RowClaims();
          for (const { id, partition } of rows) claims.add(idOf(id), partition, 0);
          const { candidates } = claims.settle(filter);
          rows.forEach(({ id }, n) => {
            if (candidates.some(([from, to]) => n >= from && n < to)) return;
            assert.equal(first.has(id), false);
            first.add(id);
          });
        }
      }),
    );
  });
});
