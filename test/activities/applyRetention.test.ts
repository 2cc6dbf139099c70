import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import { createApplyRetention } from '../../activities/applyRetention.js';
import type { Failpoint } from '../../activities/deps.js';
import { createRunSparkAggregation } from '../../activities/runSparkAggregation.js';
import { BRIEF_MS } from '../../clients/postgres/briefLock.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import type { AggregationResult, RetentionResult } from '../../domain/stages.js';
import { newActivity } from '../support/aggregation.js';
import { storedFigures } from '../support/figures.js';
import { click, install, type Installation } from './installation.js';
import { sumOf } from './sums.js';

const failsAs =
  (type: string) =>
  (e: unknown): boolean =>
    e instanceof ApplicationFailure && e.type === type;

/** A click of January 2026. */
const at = (i: number, time: string, more: object = {}): string =>
  click(i, { t: `2026-01-${time}Z`, ...more });
/** Ten clicks on each of the first five days; a session goes on over each midnight. */
const fiveDays = (): string[] =>
  [1, 2, 3, 4, 5].flatMap((day) =>
    Array.from({ length: 10 }, (_, k) =>
      at(day * 100 + k, k === 0 ? `0${day}T00:05:00` : k === 1 ? `0${day}T23:55:00` : `0${day}T1${k}:00:00`),
    ),
  );

describe('applyRetention', () => {
  let spark: SparkSupply;
  before(() => {
    spark = supplySpark(process.env.SPARK_REMOTE ?? 'sc://127.0.0.1:15002');
  });
  after(() => spark.close());

  const aggregate = (i: Installation): Promise<AggregationResult> =>
    newActivity().run(
      createRunSparkAggregation({
        ...i,
        spark: () => spark.session(),
        elasticsearch: { then: undefined } as unknown as Elasticsearch,
        patienceMs: 1000,
      }),
      {},
    );
  const apply = (i: Installation, failpoint: Failpoint = i.failpoint): Promise<RetentionResult> =>
    new MockActivityEnvironment({ heartbeatTimeoutMs: 3000 }).run(
      createApplyRetention({ ...i, failpoint }),
      {},
    );
  const leaves = async (i: Installation): Promise<string[]> =>
    (
      await i.rows(
        `SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
          WHERE inhparent IN ('click_data'::regclass, 'geo_data'::regclass, 'user_agent_data'::regclass) ORDER BY 1`,
      )
    ).map((row) => String(row.relname));
  const count = async (i: Installation, sql: string): Promise<number> =>
    Number((await i.rows(`SELECT count(*) AS n FROM ${sql}`))[0]?.n);
  const retired = async (i: Installation, what: string): Promise<number> =>
    Number((await i.rows('SELECT amount FROM retired WHERE what = $1', [what]))[0]?.amount);

  async function withClicks(
    setting: string,
    use: (i: Installation) => Promise<void>,
    values: readonly string[] = fiveDays(),
  ): Promise<void> {
    const i = await install('retention', {
      text: (yaml) => `${yaml}retention: { clicks: ${setting}, dead_letters: 30d }\n`,
    });
    try {
      await i.produce(values);
      await i.drain();
      await use(i);
    } finally {
      await i.close();
    }
  }

  test('whole days go from all families, the floor with them; the figures stay, and go on being added to', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      const before = await storedFigures(i.postgres);
      const done = await apply(i);
      assert.deepEqual(
        { ...done, ms: 0 },
        {
          floor: '2026-01-04T00:00:00.000Z',
          days: 3,
          clicks: 30,
          deadLetters: 0,
          tombstones: 0,
          daysLeft: 0,
          ms: 0,
        },
      );
      assert.deepEqual(
        (await leaves(i)).map((leaf) => leaf.slice(-2)),
        ['04', '05', '04', '05', '04', '05'],
      );
      assert.equal(await retired(i, 'clicks'), 30);
      assert.deepEqual(await storedFigures(i.postgres), before);
      assert.deepEqual({ ...(await apply(i)), ms: 0 }, { ...done, days: 0, clicks: 0, ms: 0 }, 'once');

      // Below the floor: filtered and counted by reason. Above, however late: a click. Its mark stops at the floor.
      await i.produce([
        at(1, '02T10:00:00'),
        at(2, '03T23:59:59.999'),
        at(3, '04T00:00:00', { url: '/late' }),
      ]);
      const results = await i.drain();
      assert.deepEqual(sumOf(results), [3, 1, 0, 0, 2]);
      assert.deepEqual(
        (await i.rows('SELECT filtered_by FROM batch WHERE filtered > 0')).map((row) => row.filtered_by),
        [{ before_retention: 2 }],
      );
      assert.equal((await leaves(i)).length, 6, 'no leaf below the floor');
      assert.deepEqual(
        (await i.rows('SELECT DISTINCT window_start FROM window_mark')).map((row) => row.window_start),
        [new Date('2026-01-04T00:00:00Z')],
      );
      await aggregate(i);
      const sums = await i.rows(
        'SELECT grain, sum(click_count)::int AS clicks FROM click_metrics WHERE NOT deleted GROUP BY grain ORDER BY grain',
      );
      assert.deepEqual(
        sums,
        ['day', 'hour', 'month', 'total'].map((grain) => ({ grain, clicks: 51 })),
      );
      await i.rows(
        "INSERT INTO window_mark (window_start, batch_id) VALUES ('2026-01-02T10:00Z', 'by hand')",
      );
      assert.equal((await aggregate(i)).hours, 0, 'a frozen hour is not computed, whoever marks it');
      assert.equal(await count(i, 'window_mark'), 0);
      const now = await storedFigures(i.postgres);
      for (const [key, figure] of before.figures)
        if (/^(hour|day)\|2026-01-0[123]/.test(key)) {
          assert.deepEqual(now.figures.get(key), figure, key);
          assert.equal(now.versions.get(key), before.versions.get(key), key);
        }
    }));

  test('a day stays while its figures are not made, and while they do not hold all of its clicks', () =>
    withClicks('2d', async (i) => {
      const marked = await apply(i);
      assert.equal(marked.days, 0);
      assert.equal(marked.daysLeft, 3);
      assert.match(marked.held ?? '', /hours from 2025-12-31T23:00:00.000Z on wait for their figures/);
      await aggregate(i);
      await i.rows(
        "UPDATE click_metrics SET click_count = 99 WHERE grain = 'hour' AND window_start = '2026-01-02T12:00Z'",
      );
      const wrong = await apply(i);
      assert.deepEqual([wrong.days, wrong.daysLeft, wrong.floor], [1, 2, '2026-01-02T00:00:00.000Z']);
      assert.match(wrong.held ?? '', /the figures of 2026-01-02 count 108 of its 10 clicks/);
      assert.equal(await count(i, 'click_data'), 40);
    }));

  test('a long reader is left in peace, and nobody waits behind us for longer than the patience', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      const reader = await i.postgres.pool.connect();
      await reader.query('BEGIN; SELECT count(*) FROM click_data');
      const applying = apply(i);
      const bystander = await i.postgres.pool.connect();
      await bystander.query(`SET lock_timeout = ${BRIEF_MS + 1500}`);
      let ended = false;
      void applying.finally(() => (ended = true));
      let next = 1000;
      while (!ended) {
        await i.produce([at((next += 1), '05T12:00:00')]);
        const { batch } = await i.consume();
        assert.ok(batch);
        await i.persist(batch);
        await bystander.query('SELECT count(*) FROM click_data');
      }
      await bystander.query('RESET lock_timeout');
      bystander.release();
      const held = await applying;
      assert.deepEqual([held.days, held.daysLeft, held.floor], [0, 3, undefined]);
      assert.match(held.held ?? '', /others read or write the tables/);
      await reader.query('COMMIT');
      reader.release();
      await aggregate(i);
      assert.equal((await apply(i)).days, 3);
    }));

  test('a batch that was read before a day went is consumed again, and its records filtered', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      await i.produce([at(1, '01T10:00:00'), at(2, '05T10:00:00')]);
      const { batch } = await i.consume();
      assert.ok(batch);
      await apply(i);
      await assert.rejects(i.persist(batch), failsAs('SpoolLost'));
      assert.equal((await leaves(i)).length, 6);
      const again = await i.consume({ exact: batch });
      assert.ok(again.batch);
      assert.equal(again.batch.batchId, batch.batchId);
      assert.deepEqual(sumOf([await i.persist(again.batch)]), [2, 1, 0, 0, 1]);
    }));

  test('a batch in mid-transaction is waited for, its late clicks keep their day', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      await i.produce([at(1, '01T10:30:00')]);
      const { batch } = await i.consume();
      assert.ok(batch);
      let held: () => void = () => undefined;
      const reached = new Promise<void>((resolve) => (held = resolve));
      const slow: Installation = {
        ...i,
        failpoint: async (name) => {
          if (name !== 'persistBatch:before-commit') return;
          held();
          await new Promise((resolve) => setTimeout(resolve, BRIEF_MS / 2));
        },
      };
      const persisting = slow.persist(batch);
      await reached;
      const done = await apply(i);
      assert.deepEqual(sumOf([await persisting]), [1, 1, 0, 0, 0]);
      assert.deepEqual([done.days, done.daysLeft], [0, 3]);
      await aggregate(i);
      assert.deepEqual([(await apply(i)).clicks, await retired(i, 'clicks')], [31, 31]);
    }));

  test('ended before its commit nothing has changed; ended after it, the next attempt changes nothing more', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      const failing =
        (place: string): Failpoint =>
        (name) =>
          name === place ? Promise.reject(new Error('ended')) : Promise.resolve();
      await assert.rejects(apply(i, failing('applyRetention:before-commit')), failsAs('Error'));
      assert.deepEqual([await count(i, 'click_data'), await retired(i, 'clicks')], [50, 0]);
      assert.equal(await count(i, "retention_floor WHERE floor = '-infinity'"), 1);
      await assert.rejects(apply(i, failing('applyRetention:after-commit')), failsAs('Error'));
      assert.deepEqual([await count(i, 'click_data'), await retired(i, 'clicks')], [20, 30]);
      assert.deepEqual([(await apply(i)).days, await retired(i, 'clicks')], [0, 30]);
    }));

  test('a session stopped in mid-drop is ended by the next attempt of the same work', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      let wake: () => void = () => undefined;
      let stop: () => void = () => undefined;
      const stopped = new Promise<void>((resolve) => (stop = resolve));
      const zombie = apply(i, async (name) => {
        if (name !== 'applyRetention:before-commit') return;
        stop();
        await new Promise<void>((resolve) => (wake = resolve));
      });
      const ended = assert.rejects(zombie, failsAs('ServerUnavailable'));
      await stopped;
      assert.equal((await apply(i)).days, 3);
      wake();
      await ended;
      assert.equal(await retired(i, 'clicks'), 30);
    }));

  test('the clock that counts is PostgreSQL’s, and events that are ahead of it drop nothing early', async () => {
    const day = 86_400_000;
    const now = Date.now();
    const times = [now - 3 * day, now - day, now, now + 20 * 3_600_000];
    await withClicks(
      '1d',
      async (i) => {
        await aggregate(i);
        const { floor } = await apply(i);
        assert.equal(floor, new Date(Math.floor((Date.now() - day) / day) * day).toISOString());
        assert.equal(await count(i, 'click_data'), 3);
      },
      times.map((time, k) => click(k, { t: new Date(time).toISOString() })),
    );
  });

  test('the floor never moves back, whoever tries', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      await apply(i);
      await assert.rejects(i.rows("UPDATE retention_floor SET floor = '2026-01-03Z'"), /never moves back/);
      await assert.rejects(i.rows('DELETE FROM retention_floor'), /never moves back/);
      await assert.rejects(i.rows("UPDATE retention_floor SET floor = '2026-02-03T01:00Z'"), /check/);
      const longer = { ...i, config: { ...i.config, retention: { clickDays: 400 } } };
      const { floor, days } = await apply(longer);
      assert.deepEqual([floor, days], ['2026-01-04T00:00:00.000Z', 0]);
    }));

  test('an object that somebody made on a leaf keeps its day, and is named', () =>
    withClicks('2d', async (i) => {
      await aggregate(i);
      await i.rows('CREATE VIEW mine AS SELECT url FROM click_data_20260102');
      const done = await apply(i);
      assert.equal(done.days, 0);
      assert.match(done.held ?? '', /depend/);
      await i.rows('DROP VIEW mine');
      assert.equal((await apply(i)).days, 3);
    }));

  test('dead letters go by their own retention, the ledger goes on counting them', () =>
    withClicks(
      'never',
      async (i) => {
        assert.equal(await count(i, 'dead_letter'), 5);
        assert.equal((await apply(i)).deadLetters, 0);
        await i.rows(
          "UPDATE dead_letter SET rejected_at = now() - interval '31 days' WHERE record_offset IN (1, 2, 3)",
        );
        const replay = await i.postgres.pool.connect();
        await replay.query('BEGIN; SELECT FROM dead_letter WHERE record_offset = 1 FOR UPDATE');
        assert.equal((await apply(i)).deadLetters, 2, 'the one that a replay holds is left to it');
        await replay.query('ROLLBACK');
        replay.release();
        assert.equal((await apply(i)).deadLetters, 1);
        assert.deepEqual([await count(i, 'dead_letter'), await retired(i, 'dead_letters')], [2, 3]);
        assert.deepEqual(await i.rows('SELECT sum(dead_letters)::int AS n FROM batch'), [{ n: 5 }]);
      },
      ['{', '[', '"', 'x', 'y'],
    ));

  test('a tombstone is kept until every index has it and Elasticsearch has forgotten the delete', () =>
    withClicks('never', async (i) => {
      await aggregate(i);
      await i.rows("DELETE FROM click_data WHERE url = '/page/1'");
      await i.rows(
        "INSERT INTO window_mark (window_start, batch_id) SELECT DISTINCT window_start, 'test' FROM click_metrics WHERE grain = 'hour'",
      );
      const { version, vanished } = await aggregate(i);
      assert.ok(vanished > 0);
      await i.rows(
        `INSERT INTO index_cursor (index_name, grain, uuid, version)
         SELECT 'i-' || g, g, 'u', $1 FROM unnest('{hour,day,month,total}'::text[]) AS g`,
        [version],
      );
      assert.equal((await apply(i)).tombstones, 0, 'the cursors stand in its version');
      await i.rows('UPDATE index_cursor SET version = version + 1');
      assert.equal((await apply(i)).tombstones, 0, 'the delete is remembered');
      await i.rows("UPDATE aggregate_run SET finished_at = now() - interval '25 hours'");
      await i.rows("INSERT INTO index_cursor (index_name, grain, uuid) VALUES ('i-hour-2', 'hour', 'v')");
      const kept = await count(i, "click_metrics WHERE deleted AND grain = 'hour'");
      assert.equal(
        (await apply(i)).tombstones,
        vanished - kept,
        'another index of the hours is not there yet',
      );
      await i.rows("DELETE FROM index_cursor WHERE index_name = 'i-hour-2'");
      assert.equal((await apply(i)).tombstones, kept);
      assert.equal(await count(i, 'click_metrics WHERE deleted'), 0);
    }));
});
