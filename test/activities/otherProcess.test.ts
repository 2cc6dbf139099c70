import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import type { FailpointName, Logger } from '../../activities/deps.js';
import { withClient } from '../../clients/postgres/pool.js';
import { oldestWriter } from '../../clients/postgres/presentIds.js';
import type { BatchRef } from '../../domain/stages.js';
import { until } from '../support/installation.js';
import { click, clicks, install, type Installation } from './installation.js';
import { sumOf } from './sums.js';

interface Went {
  readonly way: string;
  readonly turn: boolean;
  readonly conflicts: number;
}

/** Another worker process on the same tables, and how its batches went in. */
async function anotherProcess(
  base: Installation,
  at: Partial<Record<FailpointName, () => Promise<unknown>>> = {},
): Promise<{ readonly i: Installation; readonly went: () => Went[] }> {
  const went: Went[] = [];
  const other = await install('', { base });
  const logger: Logger = {
    ...other.logger,
    debug: (fields, message) => {
      const { way, turn, conflicts } = fields as Went;
      if (message === 'a batch went in') went.push({ way, turn, conflicts });
    },
  };
  const failpoint = async (name: FailpointName): Promise<void> => void (await at[name]?.());
  return { i: { ...other, logger, failpoint }, went: () => went.splice(0) };
}

async function withInstallation(
  what: string,
  partitions: number,
  use: (i: Installation) => Promise<void>,
): Promise<void> {
  const installation = await install(what, { partitions });
  try {
    await use(installation);
  } finally {
    await installation.close();
  }
}

/** Exactly the clicks of these numbers, each with its rows in the other families and its window marked. */
async function assertClicks(i: Installation, count: number): Promise<void> {
  assert.deepEqual(
    await i.rows(
      `SELECT count(*)::int AS clicks, count(DISTINCT (event_id, date_trunc('day', click_data.event_time)))::int AS ids, count(g.click_id)::int AS geo,
              count(u.click_id)::int AS agents
         FROM click_data LEFT JOIN geo_data g USING (click_id) LEFT JOIN user_agent_data u USING (click_id)`,
    ),
    [{ clicks: count, ids: count, geo: count, agents: count }],
  );
  for (const family of ['geo_data', 'user_agent_data'])
    assert.deepEqual(await i.rows(`SELECT count(*)::int AS n FROM ${family}`), [{ n: count }], family);
  assert.deepEqual(
    await i.rows(
      `SELECT date_trunc('hour', event_time) FROM click_data
       EXCEPT SELECT window_start FROM window_mark`,
    ),
    [],
    'every hour with clicks is marked',
  );
}

const IN_TURN = { way: 'probed', turn: true, conflicts: 0 };
const PROBED = { way: 'probed', turn: false, conflicts: 0 };

/** Whatever is committed by now is old to attempts from here on: other tests write to the same database. */
async function writersEnded(i: Installation): Promise<void> {
  const [row] = await i.rows('SELECT pg_current_xact_id()::text AS xid');
  await until('writers of before to end', 60_000, async () => {
    const oldest = await withClient(i.postgres, 'test', oldestWriter);
    return BigInt(oldest) > BigInt(String(row?.['xid']));
  });
}

/** A place where an attempt stops until it is released. */
class Halt {
  private arrived = false;
  private open = (): void => undefined;
  private opened = new Promise<void>((resolve) => (this.open = resolve));

  async here(): Promise<void> {
    this.arrived = true;
    await this.opened;
  }

  reached(): Promise<void> {
    return until('an attempt to get there', 20_000, () => this.arrived);
  }

  release(): void {
    this.open();
  }

  again(): void {
    this.arrived = false;
    this.opened = new Promise<void>((resolve) => (this.open = resolve));
  }
}

/** What the batch of one partition is persisted from. */
async function read(i: Installation, shard: number): Promise<BatchRef> {
  const { batch } = await i.consume({ shard, shards: 2 });
  assert.ok(batch);
  return batch;
}

describe('duplicates of what another process wrote', () => {
  test('are left out one by one: all other rows go in by COPY', () =>
    withInstallation('others', 1, async (first) => {
      await first.produce(clicks(1500));
      await first.drain();
      await writersEnded(first);
      const { i, went } = await anotherProcess(first);
      try {
        // Thousand a batch: with duplicates, with new ids in another day as well, with duplicates alone, with none.
        const tomorrow = clicks(300).map((_, n) => click(n, { t: Date.UTC(2026, 0, 2) + n }));
        await i.produce([...clicks(700, 1300), ...tomorrow]);
        assert.deepEqual(sumOf(await i.drain()), [1000, 800, 200, 0, 0]);
        assert.deepEqual(went(), [{ way: 'probed', turn: true, conflicts: 1 }]);
        await assertClicks(i, 2300);

        const marks = await i.rows('SELECT count(*) FROM window_mark');
        await i.produce(clicks(1000));
        assert.deepEqual(sumOf(await i.drain()), [1000, 0, 1000, 0, 0]);
        assert.deepEqual(went(), [PROBED], 'what was written long ago needs no turn');
        assert.deepEqual(await i.rows('SELECT count(*) FROM window_mark'), marks, 'nothing to recompute');

        // Two ids of which the filter knows neither the first nor, in the same batch, the second.
        await i.produce([...clicks(500, 5000), ...clicks(500, 5000)]);
        assert.deepEqual(sumOf(await i.drain()), [1000, 500, 500, 0, 0]);
        assert.deepEqual(went(), [PROBED]);
        await i.produce(clicks(100, 9000));
        assert.deepEqual(sumOf(await i.drain()), [100, 100, 0, 0, 0]);
        assert.deepEqual(went(), [{ way: 'straight', turn: false, conflicts: 0 }], 'it is careful no more');
        await i.produce(clicks(100, 9000));
        assert.deepEqual(sumOf(await i.drain()), [100, 0, 100, 0, 0]);
        assert.deepEqual(went(), [PROBED], 'so many candidates are asked for, too');
        await assertClicks(i, 2900);
      } finally {
        await i.close();
      }
    }));

  for (const { intruders, expected } of [
    { intruders: 1, expected: { way: 'probed', turn: true, conflicts: 1 } },
    { intruders: 2, expected: { way: 'candidates', turn: true, conflicts: 2 } },
  ])
    test(`that are committed between question and COPY, ${intruders} times, are found all the same`, () =>
      withInstallation('between', 1, async (first) => {
        await first.produce(clicks(100));
        await first.drain();
        let left = 0;
        const { i, went } = await anotherProcess(first, {
          'persistBatch:after-probe': async () => {
            if (left === 0) return;
            await first.rows(
              `INSERT INTO click_data (click_id, event_id, event_time, url)
               VALUES ($1, ('00000000-0000-4000-8000-' || lpad(to_hex($2::int), 12, '0'))::uuid,
                       timestamptz '2026-01-01Z' + $2::int * interval '1 second', '/')`,
              [-left, 1000 + left],
            );
            left--;
          },
        });
        try {
          await i.produce(clicks(100));
          assert.deepEqual(sumOf(await i.drain()), [100, 0, 100, 0, 0]);
          went();
          left = intruders;
          await i.produce([...clicks(50, 50), ...clicks(200, 1000)]);
          assert.deepEqual(sumOf(await i.drain()), [250, 200 - intruders, 50 + intruders, 0, 0]);
          assert.deepEqual(went(), [expected]);
          await i.rows('DELETE FROM click_data WHERE click_id < 0');
          await assertClicks(i, 300 - intruders);
        } finally {
          await i.close();
        }
      }));

  test('that are under way: the later process fails once, then both take turns', () =>
    withInstallation('underway', 2, async (base) => {
      const [first, second] = [new Halt(), new Halt()];
      const one = await anotherProcess(base, { 'persistBatch:before-commit': () => first.here() });
      const two = await anotherProcess(base, { 'persistBatch:after-probe': () => second.here() });
      const waiting = (work: string, event: string) => async (): Promise<boolean> => {
        const rows = await base.rows(
          `SELECT FROM pg_stat_activity WHERE starts_with(application_name, $1) AND wait_event = $2`,
          [`${base.config.name}:${work}:`, event],
        );
        return rows.length > 0;
      };
      const producer = new Kafka({
        brokers: [...base.servers.kafka.brokers],
        logLevel: logLevel.NOTHING,
      }).producer();
      /** To both partitions. */
      const send = (values: readonly string[]): Promise<unknown> =>
        producer.send({
          topic: base.topic,
          messages: [0, 1].flatMap((partition) => values.map((value) => ({ partition, value }))),
        });
      try {
        await producer.connect();
        await send(clicks(600));
        const [ours, theirs] = [await read(one.i, 0), await read(two.i, 1)];
        const straight = one.i.persist(ours);
        await first.reached();
        second.release();
        const later = two.i.persist(theirs);
        await until('the later one to wait', 20_000, waiting('persistBatch', 'transactionid'));
        first.release();
        assert.deepEqual(sumOf([await straight, await later]), [1200, 600, 600, 0, 0]);
        assert.deepEqual(one.went(), [{ way: 'straight', turn: false, conflicts: 0 }]);
        assert.deepEqual(two.went(), [{ way: 'probed', turn: true, conflicts: 1 }]);
        await assertClicks(base, 600);

        await send(clicks(600, 600));
        const next = [await read(one.i, 0), await read(two.i, 1)] as const;
        second.again();
        const ahead = two.i.persist(next[1]);
        await second.reached();
        const behind = one.i.persist(next[0]);
        await until('the process that knew of nothing to wait', 20_000, waiting('claims', 'advisory'));
        second.release();
        assert.deepEqual(sumOf([await ahead, await behind]), [1200, 600, 600, 0, 0]);
        assert.deepEqual([...one.went(), ...two.went()], [IN_TURN, IN_TURN], 'no COPY fails any more');
        await assertClicks(base, 1200);
      } finally {
        first.release();
        second.release();
        await producer.disconnect();
        await two.i.close();
        await one.i.close();
      }
    }));
});
