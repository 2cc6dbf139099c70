import assert from 'node:assert/strict';
import type { PersistBatchResult } from '../../domain/stages.js';

/** records, persisted, duplicates, dead letters, filtered over persisted batches; each must balance. */
export function sumOf(results: readonly PersistBatchResult[]): number[] {
  const sum = [0, 0, 0, 0, 0];
  for (const result of results) {
    assert.equal(result.outcome, 'persisted');
    if (result.outcome !== 'persisted') continue;
    const { records, persisted, duplicates, deadLetters, filtered } = result.counts;
    assert.equal(records, persisted + duplicates + deadLetters + filtered);
    for (const [k, n] of [records, persisted, duplicates, deadLetters, filtered].entries())
      sum[k] = (sum[k] ?? 0) + n;
  }
  return sum;
}
