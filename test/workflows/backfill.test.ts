import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { spansOf, type DayRange } from '../../domain/backfill/range.js';
import type { BackfillProgress, BackfillResult } from '../../domain/backfill/result.js';
import { backfillWorkflowId } from '../../domain/names.js';
import type { RunSparkAggregationInput } from '../../domain/stages.js';
import { indexed } from '../support/shards.js';
import { record, withStage } from '../support/temporal.js';

const DAY_MS = 86_400_000;
const january = (n: number): string => `2026-01-${String(n).padStart(2, '0')}`;

/** So many days from 1 January 2026 on, each with ten clicks and two figures that change. */
function site(days: number, options: { readonly page?: number; readonly floor?: string } = {}) {
  const begins = Array.from({ length: days }, (_, i) => Date.parse('2026-01-01') + i * DAY_MS);
  const calls: string[] = [];
  const inputs: RunSparkAggregationInput[] = [];
  const at = { onDay: (day: string): Promise<void> => Promise.resolve(void day) };
  const activities = {
    planBackfill: (range: DayRange) => {
      calls.push(`plan ${range.from ?? ''}..${range.to ?? ''}`);
      const wanted = begins.filter((ms) => {
        const day = new Date(ms).toISOString().slice(0, 10);
        return day >= (range.from ?? options.floor ?? '') && day < (range.to ?? '9999');
      });
      const page = wanted.slice(0, options.page);
      const next = wanted[page.length];
      return Promise.resolve({
        spans: spansOf(page),
        days: wanted.length,
        ...(next !== undefined && { next: new Date(next).toISOString().slice(0, 10) }),
        ...(options.floor !== undefined && { floor: options.floor }),
      });
    },
    runSparkAggregation: async (input: RunSparkAggregationInput) => {
      const day = input.day ?? '';
      calls.push(day);
      inputs.push(input);
      await at.onDay(day);
      const counts = { hours: 24, clicks: 10, changed: 2, vanished: 1, unchanged: 3, marksLeft: 0, ms: 2 };
      return { ...counts, ...(input.dryRun !== true && { run: '1', version: '7' }) };
    },
    indexMetrics: (): Promise<unknown> => {
      calls.push('index');
      return Promise.resolve(indexed);
    },
  };
  return { at, calls, inputs, activities };
}

const progress = (handle: WorkflowHandle): Promise<BackfillProgress> =>
  handle.query<BackfillProgress>('progress');

async function failureOf(handle: WorkflowHandle): Promise<ApplicationFailure> {
  const error: unknown = await handle.result().then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure, String(error));
  return error.cause;
}

describe('backfill', () => {
  test('computes the days of its range, one after the other, then indexes', async () => {
    const { calls, inputs, activities } = site(5);
    await withStage({ activities }, async ({ name, start }) => {
      const id = backfillWorkflowId(name, '2026-01-02-2026-01-04', false);
      const handle = await start('backfill', id, { from: '2026-01-02T12:00Z', to: '2026-01-04' });
      const result = (await handle.result()) as BackfillResult;
      assert.deepEqual(calls, ['plan 2026-01-02..2026-01-04', '2026-01-02', '2026-01-03', 'index']);
      assert.deepEqual(inputs, [{ day: '2026-01-02' }, { day: '2026-01-03' }]);
      assert.deepEqual(result, {
        outcome: 'done',
        range: { from: '2026-01-02', to: '2026-01-04' },
        ...{ dryRun: false, daysLeft: 0, days: 2, failedDays: 0, hours: 48, clicks: 20, changed: 4 },
        ...{ vanished: 2, unchanged: 6, ms: 4, version: '7', failed: [], index: indexed },
        changedDays: [
          { day: '2026-01-02', changed: 2, vanished: 1 },
          { day: '2026-01-03', changed: 2, vanished: 1 },
        ],
      });
      await record(handle, 'backfill');
    });
  });

  test('`{}`, replayed at every step, is all days above the floor, page by page; an index that is away is behind', async () => {
    const { calls, activities } = site(5, { page: 2, floor: '2026-01-02' });
    activities.indexMetrics = () =>
      Promise.reject(ApplicationFailure.nonRetryable('no answer', 'ServerUnavailable'));
    await withStage({ activities, worker: { maxCachedWorkflows: 0 } }, async ({ name, start }) => {
      const handle = await start('backfill', backfillWorkflowId(name, 'all', false));
      const result = (await handle.result()) as BackfillResult;
      assert.deepEqual(calls, [
        ...['plan ..', '2026-01-02', '2026-01-03', 'plan 2026-01-04..', '2026-01-04', '2026-01-05'],
      ]);
      assert.deepEqual(
        [result.outcome, result.indexError, result.days],
        ['done, index behind', 'no answer', 4],
      );
      assert.equal(result.floor, '2026-01-02');
    });
  });

  test('a dry run says what would change per day, and indexes nothing', async () => {
    const { calls, inputs, activities } = site(2);
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('backfill', backfillWorkflowId(name, 'all', true), { dryRun: true });
      const result = (await handle.result()) as BackfillResult;
      assert.deepEqual(
        inputs,
        [1, 2].map((n) => ({ day: january(n), dryRun: true })),
      );
      assert.ok(!calls.includes('index'));
      assert.deepEqual([result.dryRun, result.changed, result.version], [true, 4, undefined]);
      assert.deepEqual(
        result.changedDays.map(({ day, changed }) => [day, changed]),
        [
          ['2026-01-01', 2],
          ['2026-01-02', 2],
        ],
      );
      await record(handle, 'backfill-dry-run');
    });
  });

  test('goes on past days that fail, indexes, and then fails naming them', async () => {
    const { at, calls, activities } = site(4);
    at.onDay = (day) =>
      ['2026-01-02', '2026-01-03'].includes(day)
        ? Promise.reject(
            ApplicationFailure.nonRetryable('Spark failed: numeric overflow', 'SparkQueryFailed'),
          )
        : Promise.resolve();
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('backfill', backfillWorkflowId(name, 'all', false), {});
      const failure = await failureOf(handle);
      assert.equal(failure.type, 'BackfillIncomplete');
      assert.match(failure.message, /2 of 4 days failed: 2026-01-02 to 2026-01-03 \(Spark failed: numeric/);
      assert.deepEqual(calls.slice(-2), ['2026-01-04', 'index']);
      const result = failure.details?.[0] as BackfillResult;
      assert.deepEqual(
        [result.outcome, result.days, result.failedDays, result.changed],
        ['days failed', 2, 2, 4],
      );
      assert.deepEqual(result.failed, [
        { from: '2026-01-02', to: '2026-01-04', reason: 'Spark failed: numeric overflow' },
      ]);
      await record(handle, 'backfill-failed-days');
    });
  });

  test('a day that Spark has not the memory for is tried a few times, then fails; the others are done', async () => {
    const { at, calls, activities } = site(3);
    at.onDay = (day) =>
      day === '2026-01-02'
        ? Promise.reject(ApplicationFailure.nonRetryable('Spark ran out of memory', 'ServerExhausted'))
        : Promise.resolve();
    await withStage({ activities }, async ({ name, start }) => {
      const failure = await failureOf(await start('backfill', backfillWorkflowId(name, 'all', false)));
      assert.match(failure.message, /1 of 3 days failed: 2026-01-02 \(Spark ran out of memory\)/);
      const days = ['2026-01-01', '2026-01-02', '2026-01-02', '2026-01-02', '2026-01-03'];
      assert.deepEqual(calls, ['plan ..', ...days, 'index']);
    });
  });

  test('stops at an error that every day would end with', async () => {
    const { at, calls, activities } = site(4);
    at.onDay = (day) =>
      day === '2026-01-02'
        ? Promise.reject(ApplicationFailure.nonRetryable('Spark lacks the driver', 'ServerRefused'))
        : Promise.resolve();
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('backfill', backfillWorkflowId(name, 'all', false), {});
      const failure = await failureOf(handle);
      assert.match(failure.message, /stopped with 3 days left: Spark lacks the driver/);
      assert.deepEqual(calls, ['plan ..', '2026-01-01', '2026-01-02', 'index']);
    });
  });

  test('pauses after the day in hand, says where it stands, and goes on', async () => {
    const { at, calls, activities } = site(3);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    at.onDay = (day) => (day === '2026-01-01' ? held : Promise.resolve());
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('backfill', backfillWorkflowId(name, 'all', false), {});
      while (!calls.includes('2026-01-01')) await sleep(20);
      await handle.signal('pause');
      const now = await progress(handle);
      assert.deepEqual(
        [now.paused, now.day, now.days, now.daysLeft, now.stage],
        [true, '2026-01-01', 0, 3, 'computing'],
      );
      release();
      while ((await progress(handle)).stage !== 'paused') await sleep(50);
      await sleep(300);
      assert.deepEqual(calls, ['plan ..', '2026-01-01']);
      const waiting = await progress(handle);
      assert.deepEqual(
        [waiting.days, waiting.daysLeft, waiting.changed, waiting.clicksPerSecond],
        [1, 2, 2, 5000],
      );
      await handle.signal('resume');
      assert.equal(((await handle.result()) as BackfillResult).days, 3);
      await record(handle, 'backfill-paused');
    });
  });

  test('ends at once when cancelled, in mid-day and in a pause, and still tells what is done', async () => {
    const { at, calls, activities } = site(3);
    let undone = false;
    at.onDay = async (day) => {
      if (day !== '2026-01-02') return;
      const timer = setInterval(() => Context.current().heartbeat(), 100);
      await Context.current().cancelled.catch(async (e: unknown) => {
        await sleep(500);
        undone = true;
        clearInterval(timer);
        throw e;
      });
    };
    const isCancelled = (e: unknown): boolean =>
      e instanceof WorkflowFailedError && e.cause instanceof CancelledFailure;
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('backfill', backfillWorkflowId(name, 'all', false), {});
      while (!calls.includes('2026-01-02')) await sleep(20);
      await handle.cancel();
      await assert.rejects(handle.result(), isCancelled);
      assert.ok(undone, 'it ends when the day in hand has ended');
      assert.equal((await handle.describe()).status.name, 'CANCELLED');
      const now = await progress(handle);
      assert.deepEqual([now.days, now.daysLeft], [1, 2]);
      assert.match(now.stage, /^cancelled: what is computed stays/);
      await record(handle, 'backfill-cancelled');

      const second = await start('backfill', backfillWorkflowId(name, 'from-2026-01-03', false), {
        from: '2026-01-03',
      });
      await second.signal('pause');
      while ((await progress(second)).paused === false) await sleep(20);
      await second.cancel();
      await second.result().catch(() => undefined);
      assert.ok(['CANCELLED', 'COMPLETED'].includes((await second.describe()).status.name));
    });
  });

  test('continues as new after a year, with what it has done and failed so far', async () => {
    const { at, activities } = site(400);
    at.onDay = (day) =>
      day === '2026-01-05'
        ? Promise.reject(ApplicationFailure.nonRetryable('no', 'Broken'))
        : Promise.resolve();
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('backfill', backfillWorkflowId(name, 'all', false), {});
      const failure = await failureOf(handle);
      const result = failure.details?.[0] as BackfillResult;
      assert.deepEqual([result.days, result.failedDays, result.changed, result.daysLeft], [399, 1, 798, 0]);
      const first = handle.client.getHandle(handle.workflowId, handle.firstExecutionRunId);
      const described = await first.describe();
      assert.equal(described.status.name, 'CONTINUED_AS_NEW');
      assert.ok(described.historyLength < 5000, `${described.historyLength} events`);
    });
  });

  test('what it cannot do it refuses by name', async () => {
    const { calls, activities } = site(5, { floor: '2026-01-04' });
    await withStage({ activities }, async ({ name, start }) => {
      for (const [input, message] of [
        [{ since: 1 }, /unknown field "since"; it knows from, to, dryRun/],
        [{ from: '2026-02-30' }, /backfill: from: expected a date or a time .* got "2026-02-30"/],
        [{ from: '2026-02-02', to: '2026-02-01' }, /to: expected a time after from \(2026-02-02\)/],
        [{ dryRun: 'yes' }, /dryRun: expected true or false, got "yes"/],
        [
          { from: '2026-01-01', to: '2026-01-04' },
          /2026-01-01 to 2026-01-03: expected days from 2026-01-04 on/,
        ],
      ] as const) {
        const failure = await failureOf(await start('backfill', `${name}-${message.source}`, input));
        assert.equal(failure.type, 'Usage');
        assert.match(failure.message, message);
      }
      const beyond = await start('backfill', `${name}-beyond`, { from: '2027-01-01' });
      const result = (await beyond.result()) as BackfillResult;
      assert.deepEqual([result.outcome, result.days], ['done', 0]);
      assert.ok(!calls.some((call) => call.startsWith('2026')));
    });
  });
});
