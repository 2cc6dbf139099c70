import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { analyzeWorkflowId, pipelineWorkflowId, shardWorkflowId, spoolQueue } from '../../domain/names.js';
import type {
  AnalyzeResult,
  AwaitOffsetsInput,
  ConsumeBatchInput,
  PersistBatchInput,
  PipelineResult,
} from '../../domain/stages.js';
import { aggregated, imaginaryLog, indexed } from '../support/shards.js';
import { record, withStage } from '../support/temporal.js';

const ends = (...offsets: number[]) => offsets.map((end, partition) => ({ partition, offset: String(end) }));

/** The chain over two partitions of twenty records each, one shard per partition. */
function chain() {
  const at = { name: '' };
  const log = imaginaryLog({ ends: [20, 20], size: 10, spoolQueue: () => spoolQueue(at.name, 'a') });
  const activities = {
    noteOffsets: () => {
      log.calls.push('note');
      return Promise.resolve({ topics: [{ topic: 'clicks', shards: 2, offsets: ends(20, 20) }] });
    },
    consumeBatch: (input: ConsumeBatchInput) => log.consumeBatch(input),
    persistBatch: (input: PersistBatchInput) => log.persistBatch(input),
    awaitOffsets: async (input: AwaitOffsetsInput) => {
      log.calls.push(`await shard ${input.shard}`);
      const wanted = input.until.map(({ partition, offset }) => [partition, Number(offset)] as const);
      while (wanted.some(([partition, offset]) => (log.stored[partition] ?? 0) < offset)) await sleep(50);
    },
    runSparkAggregation: () => {
      log.calls.push('aggregate');
      return Promise.resolve(aggregated());
    },
    indexMetrics: (): Promise<unknown> => {
      log.calls.push('index');
      return Promise.resolve(indexed);
    },
  };
  return { at, log, activities };
}

describe('pipeline', () => {
  test('started with `{}`: notes, ingests every shard up to there, aggregates, indexes, in this order', async () => {
    const { at, log, activities } = chain();
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('pipeline', pipelineWorkflowId(name), {});
      const result = (await handle.result()) as PipelineResult;
      assert.equal(result.ingest.counts.records, 40);
      assert.equal(result.analyze.outcome, 'indexed');
      assert.equal(log.calls[0], 'note');
      assert.deepEqual(log.calls.slice(-2), ['aggregate', 'index']);
      assert.deepEqual(log.stored, [20, 20]);
      await record(handle, 'pipeline');
    });
  });

  test('started with no argument at all, and replayed at every step, does the same', async () => {
    const { at, activities } = chain();
    await withStage({ activities, worker: { maxCachedWorkflows: 0 } }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('pipeline', `${name}-by-hand`);
      const result = (await handle.result()) as PipelineResult;
      assert.equal(result.ingest.counts.records, 40);
    });
  });

  test('waits for the noted offsets where another ingest holds the shard', async () => {
    const { at, log, activities } = chain();
    await withStage({ activities }, async ({ name, client, start }) => {
      at.name = name;
      const shard = { topic: 'clicks', shard: 0, shards: 2 };
      const holder = await start('ingest', shardWorkflowId(name, 'clicks', 0), shard);
      const handle = await start('pipeline', pipelineWorkflowId(name), {});
      const result = (await handle.result()) as PipelineResult;
      assert.ok(log.calls.includes('await shard 0'), log.calls.join(', '));
      assert.equal(result.ingest.counts.records, 20, 'only the shard that was free is its own');
      assert.deepEqual(log.stored, [20, 20]);
      assert.equal(log.calls.filter((call) => call === 'index').length, 1);
      await record(handle, 'pipeline-held');
      await client.workflow.getHandle(holder.workflowId).signal('stop');
      await holder.result();
    });
  });

  test('takes a held shard over when its holder ends short of the noted offsets', async () => {
    const { at, log, activities } = chain();
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      // It stands at its own end and is only held up by its last batch.
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const persist = activities.persistBatch;
      activities.persistBatch = async (input) => {
        if (input.batch.shard === 0 && log.stored[0] === 0) await held;
        return persist(input);
      };
      const low = { topic: 'clicks', shard: 0, shards: 2, until: [{ partition: 0, offset: '10' }] };
      await start('ingest', shardWorkflowId(name, 'clicks', 0), low);
      const handle = await start('pipeline', pipelineWorkflowId(name), {});
      while (!log.calls.includes('await shard 0')) await sleep(50);
      release();
      const result = (await handle.result()) as PipelineResult;
      assert.deepEqual(log.stored, [20, 20]);
      assert.equal(result.ingest.counts.records, 30, 'the holder’s ten are not ours');
    });
  });

  test('changes the count of shards first, and goes on with a share whose ingest was told to stop', async () => {
    const { at, log, activities } = chain();
    const changing = {
      ...activities,
      noteOffsets: () =>
        Promise.resolve({ topics: [{ topic: 'clicks', shards: 2, wanted: 1, offsets: ends(20, 20) }] }),
      changeShards: () => {
        log.calls.push('change');
        return Promise.resolve({ shards: 1 });
      },
      persistBatch: async (input: PersistBatchInput) => {
        await sleep(500);
        return activities.persistBatch(input);
      },
    };
    await withStage({ activities: changing }, async ({ name, client, start }) => {
      at.name = name;
      const handle = await start('pipeline', pipelineWorkflowId(name), {});
      while (!log.calls.some((call) => call.startsWith('persist'))) await sleep(20);
      await client.workflow.getHandle(shardWorkflowId(name, 'clicks', 0)).signal('stop');
      const result = (await handle.result()) as PipelineResult;
      assert.equal(log.calls[0], 'change');
      assert.deepEqual(log.stored, [20, 20]);
      assert.equal(result.ingest.counts.records, 40);
      assert.equal(
        log.calls.filter((call) => call.startsWith('first')).length,
        2,
        'a child, and its follower',
      );
      await record(handle, 'pipeline-shards-change');
    });
  });

  test('waits for an analyze that runs already, then runs its own', async () => {
    const { at, log, activities } = chain();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let first = true;
    activities.indexMetrics = async () => {
      log.calls.push('index');
      if (first) {
        first = false;
        await held;
      }
      return indexed;
    };
    await withStage({ activities, settings: { indexPatienceMs: 60_000 } }, async ({ name, start }) => {
      at.name = name;
      const other = await start('analyze', analyzeWorkflowId(name), {});
      while (!log.calls.includes('index')) await sleep(50);
      const handle = await start('pipeline', pipelineWorkflowId(name), {});
      while (log.stored.some((offset) => offset < 20)) await sleep(50);
      await sleep(500);
      assert.equal(
        log.calls.filter((call) => call === 'aggregate').length,
        1,
        'it does not run beside the other',
      );
      release();
      await other.result();
      const result = (await handle.result()) as PipelineResult;
      assert.equal(result.analyze.outcome, 'indexed');
      assert.equal(log.calls.filter((call) => call === 'aggregate').length, 2);
    });
  });

  test('a shard that cannot go on fails the run, but not before the others’ figures are up to date', async () => {
    const { at, log, activities } = chain();
    const consume = activities.consumeBatch;
    activities.consumeBatch = (input) => {
      if (input.shard === 1) throw ApplicationFailure.nonRetryable('the log begins at 7', 'OffsetOutOfRange');
      return consume(input);
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('pipeline', pipelineWorkflowId(name), {});
      await assert.rejects(handle.result());
      assert.deepEqual(log.stored, [20, 0]);
      assert.deepEqual(log.calls.slice(-2), ['aggregate', 'index']);
    });
  });
});

describe('analyze', () => {
  test('aggregates until no hour is marked, then indexes', async () => {
    const { at, log, activities } = chain();
    let left = 3;
    activities.runSparkAggregation = () => {
      log.calls.push('aggregate');
      left -= 1;
      return Promise.resolve(aggregated(left));
    };
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('analyze', analyzeWorkflowId(name));
      const result = (await handle.result()) as AnalyzeResult;
      assert.deepEqual(log.calls, ['aggregate', 'aggregate', 'aggregate', 'index']);
      assert.equal(result.aggregation.runs, 3);
      assert.equal(result.aggregation.clicks, 30);
      assert.equal(result.aggregation.version, '7');
      await record(handle, 'analyze');
    });
  });

  test('an index that stays away longer than the patience ends the run as `aggregated, index behind`', async () => {
    const { at, activities } = chain();
    let tries = 0;
    activities.indexMetrics = () => {
      tries += 1;
      throw ApplicationFailure.retryable('Elasticsearch at es:9200 does not answer', 'ServerUnavailable');
    };
    await withStage({ activities, settings: { indexPatienceMs: 3000 } }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('analyze', analyzeWorkflowId(name), {});
      const result = (await handle.result()) as AnalyzeResult;
      assert.equal(result.outcome, 'aggregated, index behind');
      assert.equal(result.indexError, 'Elasticsearch at es:9200 does not answer');
      assert.ok(tries > 1, 'it was tried again before');
      await record(handle, 'analyze-index-behind');
    });
  });

  test('cancelled while indexing, is cancelled and not called behind', async () => {
    const { at, log, activities } = chain();
    activities.indexMetrics = () => {
      log.calls.push('index');
      throw ApplicationFailure.retryable('later', 'ServerUnavailable');
    };
    await withStage({ activities, settings: { indexPatienceMs: 60_000 } }, async ({ name, start }) => {
      at.name = name;
      const handle = await start('analyze', analyzeWorkflowId(name), {});
      while (!log.calls.includes('index')) await sleep(50);
      await handle.cancel();
      await assert.rejects(handle.result(), /cancel/i);
    });
  });
});

describe('an argument that a workflow does not know', () => {
  const cases: [type: string, input: unknown, expected: RegExp][] = [
    ['pipeline', { frob: 1 }, /^pipeline: unknown field "frob"; it takes \{\}$/],
    ['ingest', { topics: 'clicks', shard: 0 }, /^ingest: unknown field "topics"; it knows topic, shard/],
    ['analyze', { from: 1, to: 2 }, /^analyze: unknown fields "from", "to"; it knows carried$/],
    ['pipeline', ['x'], /^pipeline: expected an object such as \{\}, got \["x"\]$/],
  ];
  test('fails the run at once and by name; null passes as nothing', async () => {
    const { at, activities } = chain();
    await withStage({ activities }, async ({ name, start }) => {
      at.name = name;
      for (const [index, [type, input, expected]] of cases.entries()) {
        const handle = await start(type, `${name}-wrong-${index}`, input as object);
        await assert.rejects(handle.result(), (error: Error) => {
          assert.match((error.cause as Error).message, expected);
          assert.equal((error.cause as ApplicationFailure).type, 'Usage');
          return true;
        });
      }
      const handle = await start('pipeline', pipelineWorkflowId(name), null as unknown as object);
      assert.equal(((await handle.result()) as PipelineResult).ingest.counts.records, 40);
    });
  });
});
