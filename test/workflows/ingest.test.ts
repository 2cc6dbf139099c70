import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { Context } from '@temporalio/activity';
import { ingestQueue, ingestWorkflowId, shardWorkflowId, spoolQueue } from '../../domain/names.js';
import type {
  Account,
  ChangeShardsInput,
  ConsumeBatchInput,
  IngestResult,
  PersistBatchInput,
} from '../../domain/stages.js';
import { imaginaryLog } from '../support/shards.js';
import type { Log } from '../support/shards.js';
import { record, withStage } from '../support/temporal.js';

const SHARD = { topic: 'clicks', shard: 0, shards: 1 };
const until = (...ends: number[]) => ends.map((end, partition) => ({ partition, offset: String(end) }));
const eventually = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 200; tries += 1) {
    // A workflow that has not begun does not know its query yet.
    if (await Promise.resolve(holds()).catch(() => false)) return;
    await sleep(50);
  }
  assert.fail(`never came true: ${what}`);
};

/** The log's spool is `a` of the installation, whose name is known only once the stage stands. */
function logOf(
  ends: readonly number[],
  size: number,
  spool = 'a',
  padding = 0,
): { log: Log; at: { name: string } } {
  const at = { name: '' };
  const log = imaginaryLog({ ends, size, padding, spoolQueue: () => spoolQueue(at.name, spool) });
  return { log, at };
}

describe('ingest of one shard', () => {
  test('reads the next batch while one persists, in order, and ends at `until`', async () => {
    const { log, at } = logOf([30], 10);
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: async (input: PersistBatchInput) => {
        await sleep(300);
        return log.persistBatch(input);
      },
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), {
        ...SHARD,
        until: until(30),
      });
      const result = (await handle.result()) as IngestResult;
      assert.deepEqual(
        result,
        { counts: { records: 30, persisted: 30, duplicates: 0, deadLetters: 0, filtered: 0 }, batches: 3 },
        'every record once, in three batches',
      );
      assert.deepEqual(
        log.calls.filter((call) => call.startsWith('persist')),
        ['persist 0:0..10', 'persist 0:10..20', 'persist 0:20..30'],
      );
      const order = log.calls.indexOf('read 0:10..20') < log.calls.indexOf('persist 0:0..10');
      assert.ok(order, `the second batch was read before the first was persisted: ${log.calls.join(', ')}`);
      await record(handle, 'ingest-read-ahead');
    });
  });

  test('drops its read-ahead and plans again from the stored offsets when it is fenced', async () => {
    const { log, at } = logOf([40], 10);
    let other = true;
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: (input: PersistBatchInput) => {
        // Another writer has brought the shard further meanwhile.
        if (other) log.stored[0] = 25;
        other = false;
        return log.persistBatch(input);
      },
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), {
        ...SHARD,
        until: until(40),
      });
      const { counts } = (await handle.result()) as IngestResult;
      assert.equal(counts.records, 15, 'only what the other writer left');
      const persisted = log.calls.filter((call) => call.startsWith('persist'));
      assert.deepEqual(persisted, ['persist 0:0..10', 'persist 0:25..35', 'persist 0:35..40']);
      await record(handle, 'ingest-fenced');
    });
  });

  test('consumes exactly the same ranges again when the spool lost the files', async () => {
    const { log, at } = logOf([20], 10);
    let lost = true;
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: (input: PersistBatchInput) => {
        if (!lost) return log.persistBatch(input);
        lost = false;
        throw ApplicationFailure.nonRetryable('the file is gone', 'SpoolLost');
      },
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), {
        ...SHARD,
        until: until(20),
      });
      const { counts } = (await handle.result()) as IngestResult;
      assert.equal(counts.records, 20);
      assert.ok(log.calls.includes('again 0:0..10'), log.calls.join(', '));
      await record(handle, 'ingest-spool-lost');
    });
  });

  test('consumes again elsewhere within a minute when the worker that holds the files is gone', async () => {
    const at = { name: '' };
    let spool = 'gone';
    const log = imaginaryLog({ ends: [20], size: 10, spoolQueue: () => spoolQueue(at.name, spool) });
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => {
        // Whoever answers after the first batch is another worker, whose spool is polled.
        if (log.calls.length > 0) spool = 'a';
        return log.consumeBatch(input);
      },
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), {
        ...SHARD,
        until: until(20),
      });
      const { counts } = (await handle.result()) as IngestResult;
      assert.equal(counts.records, 20);
      assert.deepEqual(
        log.calls.filter((call) => call.startsWith('persist')),
        ['persist 0:0..10', 'persist 0:10..20'],
      );
      assert.ok(log.calls.includes('again 0:0..10'), log.calls.join(', '));
      await record(handle, 'ingest-worker-gone');
    });
  });

  test('goes on from the stored offsets at once, on any worker, when the one that persists says that it drains', async () => {
    const at = { name: '' };
    let spool = 'a';
    const log = imaginaryLog({ ends: [30], size: 10, spoolQueue: () => spoolQueue(at.name, spool) });
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: async (input: PersistBatchInput) => {
        await eventually('the next batch to be read ahead', () => log.calls.includes('read 0:10..20'));
        const drains = spool === 'a';
        // Whoever reads from now on is another worker.
        spool = 'b';
        return { ...(await log.persistBatch(input)), ...(drains && { draining: true }) };
      },
    };
    const queues = (name: string) => [ingestQueue(name), spoolQueue(name, 'a'), spoolQueue(name, 'b')];
    await withStage({ activities, queues }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), {
        ...SHARD,
        until: until(30),
      });
      const { counts } = (await handle.result()) as IngestResult;
      assert.equal(counts.records, 30);
      assert.ok(log.calls.includes('first 0:10..20'), log.calls.join(', '));
      assert.deepEqual(
        log.calls.filter((call) => call.startsWith('persist')),
        ['persist 0:0..10', 'persist 0:10..20', 'persist 0:20..30'],
      );
      await record(handle, 'ingest-draining');
    });
  });

  test('tries a stage again after an outage and fails at once on what no retry can help', async () => {
    const { log, at } = logOf([20], 10);
    let outages = 2;
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => {
        if (outages > 0) {
          outages -= 1;
          throw ApplicationFailure.retryable('Kafka does not answer', 'ServerUnavailable');
        }
        if (input.after?.[0]?.offset === '10')
          throw ApplicationFailure.nonRetryable('the next offset is gone', 'OffsetOutOfRange');
        return log.consumeBatch(input);
      },
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), {
        ...SHARD,
        until: until(20),
      });
      await assert.rejects(handle.result(), (error: Error) => {
        const chain = [error, error.cause, (error.cause as Error).cause].map(
          (e) => (e as Error | undefined)?.message,
        );
        assert.ok(chain.includes('the next offset is gone'), chain.join(' ← '));
        return true;
      });
      assert.equal(log.stored[0], 10, 'the batch in hand was persisted');
    });
  });

  test('continues as new without losing or repeating a batch, carrying only counts', async () => {
    const batches = 130;
    const { log, at } = logOf([batches * 10], 10, 'a', 20_000);
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities }, async ({ name, client, start }) => {
      at.name = name;
      const id = shardWorkflowId(name, 'clicks', 0);
      const handle = await start('ingest', id, { ...SHARD, until: until(batches * 10) });
      const result = (await handle.result()) as IngestResult;
      assert.equal(result.counts.records, batches * 10);
      assert.equal(result.batches, batches);
      const last = await client.workflow.getHandle(id).describe();
      assert.notEqual(last.runId, handle.firstExecutionRunId, 'it did continue as new');
      const persisted = log.calls.filter((call) => call.startsWith('persist'));
      assert.equal(new Set(persisted).size, batches, 'no batch was persisted twice');
      assert.equal(persisted.length, batches);
    });
  });

  test('told to stop, persists the batch in hand and completes; its account is answered meanwhile', async () => {
    const { log, at } = logOf([1000], 10);
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: async (input: PersistBatchInput) => {
        await sleep(200);
        return log.persistBatch(input);
      },
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), SHARD);
      await eventually('two batches', async () => (await handle.query<Account>('account')).batches >= 2);
      await handle.signal('stop');
      const result = (await handle.result()) as IngestResult;
      assert.equal(result.counts.records, log.stored[0], 'what it reports is what is stored');
      assert.ok(result.batches < 20);
      await record(handle, 'ingest-stopped');
    });
  });

  test('cancelled, ends at once though Kafka is silent', async () => {
    let cancelled = false;
    const activities = {
      consumeBatch: async () => {
        const beat = setInterval(() => Context.current().heartbeat(), 200);
        await Context.current()
          .cancelled.catch((error: unknown) => {
            cancelled = true;
            throw error;
          })
          .finally(() => clearInterval(beat));
      },
      persistBatch: () => Promise.reject(new Error('nothing to persist')),
    };
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), SHARD);
      await eventually('reading', async () => (await handle.describe()).raw.pendingActivities?.length === 1);
      await handle.cancel();
      await assert.rejects(handle.result(), /cancel/i);
      assert.equal((await handle.describe()).status.name, 'CANCELLED');
      await eventually('the activity hears of it', () => cancelled);
    });
  });

  test('replayed from the beginning at every step (no cache), does the same', async () => {
    const { log, at } = logOf([50, 30], 10);
    const activities = {
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities, worker: { maxCachedWorkflows: 0 } }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', shardWorkflowId(name, 'clicks', 0), {
        ...SHARD,
        until: until(50, 30),
      });
      const { counts } = (await handle.result()) as IngestResult;
      assert.equal(counts.records, 80);
    });
  });
});

describe('ingest of everything', () => {
  test('started with nothing at all, follows a child per topic and shard until stopped', async () => {
    const { log, at } = logOf([20, 20], 10);
    const activities = {
      noteOffsets: () =>
        Promise.resolve({ topics: [{ topic: 'clicks', shards: 2, offsets: until(20, 20) }] }),
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', ingestWorkflowId(name));
      await eventually('both shards are level', () => log.stored.every((offset) => offset === 20));
      const { children } = await handle.query<Account>('account');
      assert.deepEqual(
        [...children].sort(),
        [0, 1].map((shard) => shardWorkflowId(name, 'clicks', shard)),
      );
      await handle.signal('stop');
      const result = (await handle.result()) as IngestResult;
      assert.equal(result.counts.records, 40);
      await record(handle, 'ingest-all');
    });
  });

  test('shards drained by a change of their count are followed by the new ones', async () => {
    const { log, at } = logOf([1000, 1000, 1000], 10);
    let shards = 2;
    const activities = {
      noteOffsets: () => Promise.resolve({ topics: [{ topic: 'clicks', shards, offsets: [] }] }),
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: async (input: PersistBatchInput) => {
        await sleep(100);
        return log.persistBatch(input);
      },
    };
    await withStage({ activities }, async ({ name, client, start }) => {
      at.name = name;
      const handle = await start('ingest', ingestWorkflowId(name));
      await eventually('both shards move', () => log.stored.every((offset) => offset > 0));
      shards = 3;
      for (const shard of [0, 1])
        await client.workflow.getHandle(shardWorkflowId(name, 'clicks', shard)).signal('stop');
      await eventually('three are followed', async () => {
        const { children } = await handle.query<Account>('account');
        return children.length === 3 && children.includes(shardWorkflowId(name, 'clicks', 2));
      });
      await handle.signal('stop');
      const result = (await handle.result()) as IngestResult;
      assert.equal(
        result.counts.records,
        log.stored.reduce((sum, offset) => sum + offset, 0),
      );
      await record(handle, 'ingest-shards-change');
    });
  });

  test('a worker that wants another count of shards has the present ones drained before it starts its own', async () => {
    const { log, at } = logOf([20, 20, 20], 10);
    const activities = {
      noteOffsets: () =>
        Promise.resolve({ topics: [{ topic: 'clicks', shards: 2, wanted: 3, offsets: until(20, 20, 20) }] }),
      changeShards: (input: ChangeShardsInput) => {
        log.calls.push(`change ${input.topic} ${input.from} to ${input.to}`);
        return Promise.resolve({ shards: input.to });
      },
      consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', ingestWorkflowId(name));
      await eventually('three are followed', async () => {
        return (await handle.query<Account>('account')).children.length === 3;
      });
      await eventually('all are level', () => log.stored.every((offset) => offset === 20));
      assert.equal(log.calls[0], 'change clicks 2 to 3');
      await handle.signal('stop');
      await handle.result();
      await record(handle, 'ingest-shards-wanted');
    });
  });

  test('a shard that failed is started again by `resume`, while the others go on', async () => {
    const { log, at } = logOf([20, 20], 10);
    let gap = true;
    const activities = {
      noteOffsets: () =>
        Promise.resolve({ topics: [{ topic: 'clicks', shards: 2, offsets: until(20, 20) }] }),
      consumeBatch: (input: ConsumeBatchInput) => {
        if (gap && input.shard === 1)
          throw ApplicationFailure.nonRetryable('the next offset is gone', 'OffsetOutOfRange');
        return log.consumeBatch(input);
      },
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('ingest', ingestWorkflowId(name));
      const stage = async (): Promise<string> => (await handle.query<Account>('account')).stage;
      await eventually('one failed', async () => (await stage()) === 'following 1 shard, 1 failed');
      await eventually('the other goes on', () => log.stored[0] === 20);
      assert.deepEqual((await handle.query<Account>('account')).failed, [
        'clicks, shard 1: the next offset is gone',
      ]);
      gap = false;
      await handle.signal('resume');
      await eventually('both are level', () => log.stored[1] === 20);
      assert.equal(await stage(), 'following 2 shards');
      await handle.signal('stop');
      assert.equal(((await handle.result()) as IngestResult).counts.records, 40);
      await record(handle, 'ingest-resumed');
    });
  });

  test('fails when every shard has failed, or when it is told to stop with one failed', async () => {
    const { log, at } = logOf([20, 20], 10);
    const failing = new Set([0, 1]);
    const activities = {
      noteOffsets: () =>
        Promise.resolve({ topics: [{ topic: 'clicks', shards: 2, offsets: until(20, 20) }] }),
      consumeBatch: (input: ConsumeBatchInput) => {
        if (failing.has(input.shard))
          throw ApplicationFailure.nonRetryable('the next offset is gone', 'OffsetOutOfRange');
        return log.consumeBatch(input);
      },
      persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const all = await start('ingest', ingestWorkflowId(name));
      await assert.rejects(all.result());
      failing.delete(0);
      const one = await start('ingest', ingestWorkflowId(name));
      await eventually('the other is level', () => log.stored[0] === 20);
      await one.signal('stop');
      await assert.rejects(one.result());
    });
  });

  test('a shard that does not exist is refused by name', async () => {
    const activities = {
      noteOffsets: () => Promise.resolve({ topics: [{ topic: 'clicks', shards: 2, offsets: until(0, 0) }] }),
    };
    await withStage({ activities, queues: (name) => [ingestQueue(name)] }, async ({ name, start }) => {
      const handle = await start('ingest', `${name}-by-hand`, { topic: 'clicks', shard: 7 });
      await assert.rejects(handle.result(), (error: Error) => {
        assert.match((error.cause as Error).message, /shard must be one of 0 to 1 of topic clicks, got 7/);
        return true;
      });
    });
  });
});
