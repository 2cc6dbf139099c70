import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withClient } from '../../clients/postgres/pool.js';
import { checkEquation, checkIds, checkOffsets } from '../../clients/postgres/verify/ledger.js';
import { checkLog } from '../../cli/verify/log.js';
import type { ConsumeBatchResult } from '../../domain/stages.js';
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
    const results = [];
    let fenced = 0;
    const level = async (): Promise<boolean> => {
      const [row] = await i.rows('SELECT coalesce(sum(next_offset), 0)::int AS n FROM ingest_offset');
      return Number(row?.n) === 3000;
    };
    for (let turn = 0; turn < 400 && !(await level()); turn += 1) {
      const lane = lanes[Math.floor(random() * lanes.length)];
      if (lane === undefined) continue;
      const { shard, shards } = lane;
      // Each step ends somewhere else, so that the boundaries of the two counts never agree.
      const until = Array.from({ length: 6 }, (_, partition) => {
        const at = Number(lane.ahead?.next.find((p) => p.partition === partition)?.offset ?? 0);
        return { partition, offset: String(Math.min(500, at + 1 + Math.floor(random() * 200))) };
      });
      const after = lane.ahead === undefined ? {} : { after: lane.ahead.next };
      const consumed = await i.consume({ shard, shards, until, ...after });
      if (consumed.batch === undefined) {
        lane.ahead = undefined;
        continue;
      }
      const result = await i.persist(consumed.batch);
      if (result.outcome === 'persisted') results.push(result);
      else fenced += 1;
      lane.ahead = result.outcome === 'persisted' ? consumed : undefined;
    }
    assert.ok(await level(), `seed ${seed}: everything is ingested`);
    assert.ok(fenced > 0, `seed ${seed}: the counts did get into each other's way`);
    assert.deepEqual(sumOf(results), [3000, 3000, 0, 0, 0], `seed ${seed}`);
    await withClient(i.postgres, 'test', async (client) => {
      const { checks } = await checkLog(client, i.kafka, [i.topic], new AbortController().signal);
      const all = [
        ...(await checkEquation(client)),
        await checkOffsets(client),
        ...(await checkIds(client)),
        ...checks,
      ];
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
