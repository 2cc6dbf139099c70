import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planReading } from '../../../clients/postgres/aggregate/reading.js';
import { cutHours, HOUR_MS } from '../../../clients/postgres/aggregate/windows.js';
import { figuresConfig } from '../../support/figures.js';

const hours = Array.from({ length: 72 }, (_, n) => Date.UTC(2026, 0, 30) + n * HOUR_MS);
const plan = (clicks: number, stored = 0) =>
  planReading(figuresConfig('reading_test'), { hours, clicks, stored, suffix: 'x' });

/** Whether a condition on slice_hash holds. */
function holds(condition: string, hash: bigint): boolean {
  return condition.split(' AND ').every((part) => {
    const [, operator, bound] = /^slice_hash (>=|<) (-?\d+)$/.exec(part) ?? [];
    assert.ok(operator !== undefined && bound !== undefined, part);
    return operator === '<' ? hash < BigInt(bound) : hash >= BigInt(bound);
  });
}

describe('how a run is read', () => {
  test('few clicks come over one connection, in one answer', () => {
    const { views, byKey, slices } = plan(40_000, 1_000);
    assert.deepEqual([views.map(({ name }) => name), byKey, slices], [['clicks_x_0'], true, ['true']]);
  });

  test('stored figures come over a connection of their own, where there are any', () => {
    assert.equal(plan(40_000, 1_000).rollUp('all').parts?.name, 'parts_x');
    assert.equal(plan(3_000_000).rollUp('all').parts, undefined);
  });

  test('each hash lies in exactly one of the slices of a large answer, the ends of 64 bits too', () => {
    const { slices } = plan(3_000_000);
    assert.equal(slices.length, 12);
    for (const hash of [-(2n ** 63n), -1n, 0n, 1n, 2n ** 62n, -(2n ** 62n), 2n ** 63n - 1n])
      assert.equal(slices.filter((slice) => holds(slice, hash)).length, 1, `${hash}`);
  });

  test('every hour is read by exactly one connection, however many there are to be', () => {
    for (const pieces of [1, 2, 5, 72, 100]) {
      const parts = cutHours(hours, pieces);
      assert.deepEqual(parts.flat(), hours);
      assert.ok(parts.length <= pieces);
      assert.ok(parts.every((part) => part.length > 0));
    }
    assert.equal(plan(1e9).views.length, 36);
  });
});
