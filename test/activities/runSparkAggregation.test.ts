import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { MockActivityEnvironment } from '@temporalio/testing';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import fc from 'fast-check';
import { noFailpoint, type Failpoint } from '../../activities/deps.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import type { Config } from '../../domain/config/config.js';
import type { AggregationResult, RunSparkAggregationInput } from '../../domain/stages.js';
import {
  figureKey,
  figuresConfig,
  makeFiguresSchema,
  someClicks,
  storedFigures,
  type Click,
  type FiguresSchema,
} from '../support/figures.js';
import { closeGate } from '../support/gate.js';
import { until } from '../support/installation.js';
import { testName } from '../support/names.js';
import { aggregate, analyzeDeps, areFiguresOf, newActivity } from '../support/aggregation.js';

/** Of its own, so that two runs of the tests on one server do not meet. */
const NAME = testName('agg');

describe('runSparkAggregation', () => {
  let schema: FiguresSchema;
  let spark: SparkSupply;

  const run = ({
    config = figuresConfig(NAME),
    failpoint = noFailpoint,
    environment,
    input,
  }: {
    config?: Config;
    failpoint?: Failpoint;
    environment?: MockActivityEnvironment;
    input?: RunSparkAggregationInput;
  } = {}): Promise<AggregationResult> =>
    aggregate(analyzeDeps(NAME, schema, spark, { config, failpoint }), input, environment);
  const sparkQueries = async (): Promise<number> => {
    const { rows } = await schema.postgres.pool.query<{ n: string }>(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE '${NAME}:spark:%' AND state = 'active'`,
    );
    return Number(rows[0]?.n);
  };
  const same = (clicks: readonly Click[]): Promise<void> => areFiguresOf(schema, clicks);

  before(() => {
    spark = supplySpark(process.env.SPARK_REMOTE ?? 'sc://127.0.0.1:15002');
  });
  beforeEach(async () => {
    await schema?.drop();
    schema = await makeFiguresSchema(NAME);
  });
  after(async () => {
    await schema.drop();
    await spark.close();
  });

  test('all grains equal a plain loop, on an installation without figures', async () => {
    const clicks = someClicks(1500, '2025-12-30T20:00:00Z', '2026-01-02T03:00:00Z');
    await schema.add(clicks);
    const result = await run();
    assert.equal(result.clicks, clicks.length);
    assert.equal(result.marksLeft, 0);
    assert.ok(result.run !== undefined && result.version !== undefined);
    await same(clicks);
    const again = await run();
    assert.deepEqual(
      { ...again, ms: 0 },
      {
        hours: 0,
        clicks: 0,
        changed: 0,
        vanished: 0,
        unchanged: 0,
        marksLeft: 0,
        ms: 0,
      },
    );
  });

  test('a late click corrects its hour, day, month and total, and nothing else gets a new version', async () => {
    const clicks = someClicks(400, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z', 7);
    await schema.add(clicks);
    await run();
    const earlier = await storedFigures(schema.postgres);
    const late: Click = { time: '2026-01-30T05:10:00Z', url: '/page/1', country: 'DE', user: 'late' };
    await schema.add([late]);
    const result = await run();
    await same([...clicks, late]);
    const now = await storedFigures(schema.postgres);
    const renewed = [...now.versions].filter(([key, version]) => earlier.versions.get(key) !== version);
    assert.deepEqual(
      new Set(renewed.map(([key]) => key)),
      new Set([
        figureKey('hour', '2026-01-30T05:00:00.000Z', '/page/1', 'DE'),
        figureKey('day', '2026-01-30T00:00:00.000Z', '/page/1', 'DE'),
        figureKey('month', '2026-01-01T00:00:00.000Z', '/page/1', 'DE'),
        figureKey('total', '', '/page/1', 'DE'),
      ]),
    );
    assert.equal(result.changed, 4);
    assert.equal(result.vanished, 0);
  });

  test('figures built up in many runs equal those of one run, sketches byte for byte', async () => {
    const clicks = someClicks(900, '2026-03-28T10:00:00Z', '2026-03-31T10:00:00Z', 3);
    for (let i = 0; i < clicks.length; i += 300) {
      await schema.add(clicks.slice(i, i + 300));
      await run({ input: { maxRows: 1 } });
      while ((await run({ input: { maxRows: 1 } })).hours > 0);
    }
    await same(clicks);
    const grown = await storedFigures(schema.postgres);
    await schema.postgres.pool.query('TRUNCATE click_metrics');
    await schema.mark(...clicks.map((click) => click.time));
    await run();
    const fresh = await storedFigures(schema.postgres);
    assert.deepEqual([...grown.sketches].sort(), [...fresh.sketches].sort());
    await same(clicks);
  });

  test('a click in the next hour gives the one before it its time', async () => {
    const first: Click = { time: '2026-01-05T09:50:00Z', url: '/a', user: 'u', session: 's' };
    const second: Click = { time: '2026-01-05T10:10:00Z', url: '/b', user: 'u', session: 's' };
    await schema.add([first]);
    await run();
    await same([first]);
    await schema.add([second]);
    await run();
    await same([first, second]);
    const { figures } = await storedFigures(schema.postgres);
    assert.equal(
      figures.get(figureKey('hour', '2026-01-05T09:00:00.000Z', '/a', 'ZZ'))?.totalMs,
      20 * 60_000,
    );
  });

  test('a gap of exactly the time-out counts, a longer one does not; the empty user is a user', async () => {
    const clicks: Click[] = [
      { time: '2026-01-05T09:00:00.000Z', url: '/a', user: '', session: 's' },
      { time: '2026-01-05T09:30:00.000Z', url: '/a', user: '', session: 's' },
      { time: '2026-01-05T10:00:00.001Z', url: '/a', session: 's' },
    ];
    await schema.add(clicks);
    await run();
    await same(clicks);
    const { figures } = await storedFigures(schema.postgres);
    const total = figures.get(figureKey('total', '', '/a', 'ZZ'));
    assert.deepEqual([total?.clicks, total?.users, total?.timed, total?.totalMs], [3, 1, 1, 1_800_000]);
  });

  test('a key that lost its clicks becomes a tombstone in every grain, and revives', async () => {
    const stay = someClicks(50, '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z');
    const gone: Click = { time: '2026-01-05T09:00:00Z', url: '/gone', country: 'AT', user: 'u' };
    await schema.add(stay);
    const ids = await schema.add([gone]);
    await run();
    await schema.remove(ids);
    await schema.mark(gone.time);
    const result = await run();
    assert.equal(result.vanished, 4);
    await same(stay);
    const buried = await storedFigures(schema.postgres);
    assert.equal(buried.tombstones.size, 4);
    for (const key of buried.tombstones) assert.equal(buried.versions.get(key), result.version);
    await schema.add([gone]);
    await run();
    await same([...stay, gone]);
    assert.equal((await storedFigures(schema.postgres)).tombstones.size, 0);
  });

  test('rows that arrive while Spark reads stay out of the run and keep their marks', async () => {
    const clicks = someClicks(300, '2026-01-05T00:00:00Z', '2026-01-05T12:00:00Z');
    const meanwhile = someClicks(40, '2026-01-05T00:00:00Z', '2026-01-05T12:00:00Z', 99);
    await schema.add(clicks);
    let added = false;
    await run({
      failpoint: async (name) => {
        if (added || name !== 'runSparkAggregation:mid-spark') return;
        added = true;
        await schema.add(meanwhile);
      },
    });
    await same(clicks);
    const second = await run();
    assert.ok(second.hours > 0);
    await same([...clicks, ...meanwhile]);
  });

  test('users are flagged exact up to 4,096 and estimated within three standard errors above', async () => {
    const at = (i: number): string => new Date(Date.parse('2026-01-05T00:00:00Z') + i * 1000).toISOString();
    const exact: Click[] = Array.from({ length: 4096 }, (_, i) => ({
      time: at(i * 2),
      url: '/exact',
      user: `u${i}`,
    }));
    const above: Click[] = Array.from({ length: 4097 }, (_, i) => ({
      time: at(i * 2),
      url: '/above',
      user: `u${i}`,
    }));
    const many: Click[] = Array.from({ length: 12_000 }, (_, i) => ({
      time: at(i),
      url: '/many',
      user: `u${i}`,
    }));
    await schema.add([...exact, ...above, ...many]);
    await run();
    const { figures } = await storedFigures(schema.postgres);
    const total = (url: string) => figures.get(figureKey('total', '', url, 'ZZ'));
    assert.deepEqual([total('/exact')?.users, total('/exact')?.exact], [4096, true]);
    assert.equal(total('/above')?.exact, false);
    assert.equal(total('/many')?.exact, false);
    assert.ok(Math.abs((total('/many')?.users ?? 0) - 12_000) < 12_000 * 3 * (1 / 64));
  });

  test('more than 4,096 users in any order, in parts with a run after each, give the same sketches to the byte', async (t) => {
    const clicks: Click[] = Array.from({ length: 12_000 }, (_, i) => ({
      time: new Date(Date.parse('2026-01-05T00:00:00Z') + i * 20_000).toISOString(),
      url: '/many',
      user: `u${i % 9_000}`,
    }));
    await schema.add(clicks);
    await run();
    const together = await storedFigures(schema.postgres);
    const seed = Date.now() % 2 ** 31;
    t.diagnostic(`seed ${seed}`);
    const [shuffled = []] = fc.sample(fc.shuffledSubarray(clicks, { minLength: clicks.length }), {
      seed,
      numRuns: 1,
    });
    await schema.drop();
    schema = await makeFiguresSchema(NAME);
    for (const part of [shuffled.slice(0, 2_000), shuffled.slice(2_000, 9_500), shuffled.slice(9_500)]) {
      await schema.add(part);
      await run();
    }
    const inParts = await storedFigures(schema.postgres);
    assert.deepEqual(inParts.sketches, together.sketches);
    assert.deepEqual(inParts.figures, together.figures);
    const total = inParts.figures.get(figureKey('total', '', '/many', 'ZZ'));
    assert.equal(total?.exact, false);
    assert.ok(Math.abs(total.users - 9_000) < 9_000 * 3 * (1 / 64), `${total.users} of 9,000`);
  });

  test('cancellation leaves no query in PostgreSQL, no job in Spark, and changes nothing', async () => {
    await schema.add(someClicks(500, '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z'));
    // Spark's queries wait before it and cannot end by themselves.
    const gate = await closeGate(schema.postgres, NAME, 'geo_data');
    try {
      const environment = newActivity();
      await assert.rejects(
        run({
          environment,
          failpoint: async (name) => {
            if (name !== 'runSparkAggregation:mid-spark') return;
            await until('Spark to read', 60_000, async () => (await gate.waiting(`${NAME}:spark:%`)) > 0);
            environment.cancel();
          },
        }),
        CancelledFailure,
      );
      await until('no query to be left', 60_000, async () => (await sparkQueries()) === 0);
      assert.equal((await storedFigures(schema.postgres)).versions.size, 0);
    } finally {
      await gate.open();
    }
    assert.ok((await run()).hours > 0);
  });

  test('a killed connection changes nothing, can be tried again, and then comes out right', async () => {
    const clicks = someClicks(300, '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z');
    await schema.add(clicks);
    for (const point of ['runSparkAggregation:mid-spark', 'runSparkAggregation:before-commit']) {
      await assert.rejects(
        run({
          failpoint: async (name) => {
            if (name !== point) return;
            await schema.postgres.pool.query(
              `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '${NAME}:aggregate:%'`,
            );
          },
        }),
        (e) => e instanceof ApplicationFailure && e.nonRetryable !== true && e.type === 'ServerUnavailable',
      );
      assert.equal((await storedFigures(schema.postgres)).versions.size, 0);
    }
    await run();
    await same(clicks);
  });

  test('a run waits for another writer of figures, saying for whom', async () => {
    await schema.add(someClicks(20, '2026-01-05T00:00:00Z', '2026-01-05T02:00:00Z'));
    const holder = await schema.postgres.pool.connect();
    await holder.query(
      "SET application_name = 'somebody'; BEGIN; LOCK TABLE aggregate_run IN EXCLUSIVE MODE",
    );
    const environment = newActivity(3000);
    const said: unknown[] = [];
    environment.on('heartbeat', (details) => said.push(details));
    const running = run({ environment });
    await until('it to say for whom it waits', 60_000, () => JSON.stringify(said).includes('somebody'));
    await holder.query('COMMIT; RESET application_name');
    holder.release();
    assert.ok((await running).hours > 0);
  });

  test('another session time-out is refused while figures of the former stand', async () => {
    await schema.add(someClicks(20, '2026-01-05T00:00:00Z', '2026-01-05T02:00:00Z'));
    await run();
    const config = figuresConfig(NAME);
    const changed = { ...config, analyze: { ...config.analyze, sessionTimeoutMs: 60_000 } };
    await assert.rejects(
      run({ config: changed }),
      (e) => e instanceof ApplicationFailure && e.type === 'FiguresOutdated' && e.nonRetryable === true,
    );
  });
});
