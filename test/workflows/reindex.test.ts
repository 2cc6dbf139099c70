import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { reindexWorkflowId } from '../../domain/names.js';
import type { Account, ReindexGrainInput, ReindexResult } from '../../domain/stages.js';
import { record, withStage } from '../support/temporal.js';

function indices(onGrain: (grain: string) => Promise<void> = () => Promise.resolve()) {
  const calls: string[] = [];
  const activities = {
    reindexGrain: async ({ grain }: ReindexGrainInput) => {
      calls.push(grain);
      await onGrain(grain);
      return { grain, index: `x-${grain}-2`, replaced: `x-${grain}-1`, documents: 10, rejected: 1, ms: 2 };
    },
  };
  return { calls, activities };
}

describe('reindex', () => {
  test('`{}` builds every grain anew, one after the other, and tells the sum', async () => {
    const { calls, activities } = indices();
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('reindex', reindexWorkflowId(name), {});
      const result = (await handle.result()) as ReindexResult;
      assert.deepEqual(calls, ['hour', 'day', 'month', 'total']);
      assert.deepEqual([result.documents, result.rejected, result.ms, result.grains.length], [40, 4, 8, 4]);
      await record(handle, 'reindex');
    });
  });

  test('builds the grains that it is told, and says which it is at', async () => {
    let stage = '';
    const { calls, activities } = indices(async () => {
      stage = await ask();
    });
    let ask = (): Promise<string> => Promise.resolve('');
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('reindex', reindexWorkflowId(name), { grains: ['day'] });
      ask = async () => (await handle.query<Account>('account')).stage;
      await handle.result();
      assert.deepEqual(calls, ['day']);
      assert.equal(stage, 'building the index of day');
    });
  });

  test('a grain that is none, or an empty choice, fails it by name', async () => {
    const { calls, activities } = indices();
    await withStage({ activities }, async ({ name, start }) => {
      for (const grains of [['year'], []]) {
        const handle = await start('reindex', reindexWorkflowId(name), { grains });
        const error: unknown = await handle.result().catch((e: unknown) => e);
        assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure);
        assert.equal(error.cause.type, 'Usage');
        assert.match(error.cause.message, /reindex: grains: expected some of hour, day, month, total, got/);
      }
      assert.deepEqual(calls, []);
    });
  });
});
