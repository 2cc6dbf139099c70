import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withClient } from '../../clients/postgres/pool.js';
import { checkEquation, checkIds, checkOffsets } from '../../clients/postgres/verify/ledger.js';
import { checkLog } from '../../cli/verify/log.js';
import type { ConsumeBatchResult, PersistBatchResult } from '../../domain/stages.js';
import { randomFrom } from '../support/figures.js';
import { clicks, install } from './installation.js';
import { sumOf } from './sums.js';

test('two counts of shards at once, with read-aheads, neither lose nor double a record', async () => {
  const i = await install('counts', { partitions: 6 });
  const seed = Math.floor(Math.random() * 1e9);
  const random = randomFrom(seed);
  try {
    await i.produce(clicks(3000));
    const lanes = [2, 3].flatMap((shards) =>
      Array.from({ length: shards }, (_, shard) => ({
        shard,
        shards,
        ahead: undefined as ConsumeBatchResult | undefined,
      })),
    );
    const results: PersistBatchResult[] = [];
    let fenced = 0;
    const level = async (): Promise<boolean> => {
      const [row] = await i.rows('SELECT coalesce(sum(next_offset), 0)::int AS n FROM ingest_offset');
      return Number(row?.n) === 3000;
    };
    const stored = async (): Promise<Map<unknown, number>> => {
      const rows = await i.rows('SELECT partition, next_offset FROM ingest_offset');
      return new Map(rows.map((row) => [row['partition'], Number(row['next_offset'])]));
    };
    const persist = async (consumed: ConsumeBatchResult): Promise<boolean> => {
      if (consumed.batch === undefined) return false;
      const result = await i.persist(consumed.batch);
      if (result.outcome === 'persisted') results.push(result);
      else fenced += 1;
      return result.outcome === 'persisted';
    };
    // Both counts read partition 0 before either has written.
    const both = [2, 3].map((shards) =>
      i.consume({ shard: 0, shards, until: [{ partition: 0, offset: String(10 * shards) }] }),
    );
    for (const consumed of await Promise.all(both)) await persist(consumed);
    assert.equal(fenced, 1, 'the second one is fenced');
    for (let turn = 0; turn < 1000 && !(await level()); turn += 1) {
      const lane = lanes[Math.floor(random() * lanes.length)];
      if (lane === undefined) continue;
      const { shard, shards } = lane;
      // Each step ends somewhere else, so that the boundaries of the two counts never agree.
      const offsets = await stored();
      const until = Array.from({ length: 6 }, (_, partition) => {
        const ahead = lane.ahead?.next.find((p) => p.partition === partition)?.offset;
        const at = Number(ahead ?? offsets.get(partition) ?? 0);
        return { partition, offset: String(Math.min(500, at + 1 + Math.floor(random() * 200))) };
      });
      const after = lane.ahead === undefined ? {} : { after: lane.ahead.next };
      const consumed = await i.consume({ shard, shards, until, ...after });
      lane.ahead = (await persist(consumed)) ? consumed : undefined;
    }
    assert.ok(await level(), `seed ${seed}: everything is ingested`);
    assert.deepEqual(sumOf(results), [3000, 3000, 0, 0, 0], `seed ${seed}`);
    await withClient(i.postgres, 'test', async (client) => {
      await client.query('BEGIN');
      const { checks } = await checkLog(client, i.kafka, [i.topic], new AbortController().signal);
      const all = [
        ...(await checkEquation(client)),
        await checkOffsets(client),
        ...(await checkIds(client)),
        ...checks,
      ];
      await client.query('ROLLBACK');
      assert.deepEqual(
        all.filter(({ ok }) => !ok),
        [],
        `seed ${seed}`,
      );
    });
  } finally {
    await i.close();
  }
});
