import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { analyzeWorkflowId } from '../../domain/names.js';
import type { AnalyzeResult, RetentionResult } from '../../domain/stages.js';
import { aggregated, indexed } from '../support/shards.js';
import { record, withStage } from '../support/temporal.js';

const dropped: RetentionResult = {
  floor: '2026-01-04T00:00:00.000Z',
  days: 3,
  clicks: 30,
  deadLetters: 0,
  tombstones: 0,
  daysLeft: 0,
  ms: 1,
};

/** Analyze's activities, with what `applyRetention` answers. */
function analysis(applyRetention: () => Promise<unknown>) {
  const calls: string[] = [];
  const said = (what: string, answer: () => Promise<unknown>) => () => {
    calls.push(what);
    return answer();
  };
  return {
    calls,
    activities: {
      runSparkAggregation: said('aggregate', () => Promise.resolve(aggregated())),
      indexMetrics: said('index', () => Promise.resolve(indexed)),
      applyRetention: said('retire', applyRetention),
    },
  };
}

describe('analyze and retention', () => {
  test('retention comes last, and its answer is part of the run’s', async () => {
    const { calls, activities } = analysis(() => Promise.resolve(dropped));
    await withStage({ activities, settings: { retention: true } }, async ({ name, start }) => {
      const handle = await start('analyze', analyzeWorkflowId(name), {});
      const result = (await handle.result()) as AnalyzeResult;
      assert.deepEqual(calls, ['aggregate', 'index', 'retire']);
      assert.equal(result.outcome, 'indexed');
      assert.deepEqual(result.retention, dropped);
      await record(handle, 'analyze-retention');
    });
  });

  test('retention that is refused does not fail the run, which says why', async () => {
    const { activities } = analysis(() =>
      Promise.reject(ApplicationFailure.nonRetryable('must be owner of table click_data', 'ServerRefused')),
    );
    await withStage({ activities, settings: { retention: true } }, async ({ name, start }) => {
      const handle = await start('analyze', analyzeWorkflowId(name), {});
      const result = (await handle.result()) as AnalyzeResult;
      assert.equal(result.outcome, 'indexed');
      assert.equal(result.retentionError, 'must be owner of table click_data');
      await record(handle, 'analyze-retention-refused');
    });
  });
});
