import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { createPlanBackfill } from '../../activities/planBackfill.js';
import type { Failpoint } from '../../activities/deps.js';
import { announceWait, figureWaiters } from '../../clients/postgres/aggregate/lock.js';
import { withClient } from '../../clients/postgres/pool.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import type { Config } from '../../domain/config/config.js';
import { silentLogger, type Logger } from '../../domain/logger.js';
import type { AggregationResult, BackfillPlan, RunSparkAggregationInput } from '../../domain/stages.js';
import {
  comparable,
  figuresConfig,
  makeFiguresSchema,
  someClicks,
  storedFigures,
  type Click,
  type FiguresSchema,
} from '../support/figures.js';
import { aggregate, analyzeDeps, areFiguresOf, newActivity } from '../support/aggregation.js';
import { until } from '../support/installation.js';
import { testName } from '../support/names.js';

const NAME = testName('backfillday');
const DAYS = ['2026-01-30', '2026-01-31', '2026-02-01'];

const outdated = (message: RegExp) => (e: unknown) =>
  e instanceof ApplicationFailure &&
  e.type === 'FiguresOutdated' &&
  e.nonRetryable === true &&
  message.test(e.message);

describe('a backfill’s run of one day', () => {
  let schema: FiguresSchema;
  let spark: SparkSupply;

  const config = figuresConfig(NAME);
  /** Another session time-out, under which most figures are others. */
  const changed: Config = { ...config, analyze: { ...config.analyze, sessionTimeoutMs: 60_000 } };
  const run = (
    input: RunSparkAggregationInput,
    settings: Config = config,
    logger: Logger = silentLogger,
  ): Promise<AggregationResult> =>
    aggregate(analyzeDeps(NAME, schema, spark, { config: settings, logger }), input);
  const rows = async (sql: string): Promise<Record<string, unknown>[]> =>
    (await schema.postgres.pool.query<Record<string, unknown>>(sql)).rows;
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

  test('computes all hours of the day, marked or not, and takes their marks along; other days’ stay', async () => {
    const clicks = someClicks(400, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z', 5);
    await schema.add(clicks);
    await run({});
    // Behind the back of every mark: a click that came, one that went, a figure that was changed by hand.
    const came: Click = { time: '2026-01-31T08:00:00Z', url: '/came', user: 'u' };
    await schema.addUnmarked([came]);
    await rows(
      "UPDATE click_metrics SET click_count = 999 WHERE grain = 'hour' AND window_start = '2026-01-31T10:00Z'",
    );
    await schema.mark('2026-01-31T15:00:00Z', '2026-02-01T15:00:00Z');
    const result = await run({ day: '2026-01-31' });
    assert.equal(result.hours, 24);
    assert.ok(result.changed >= 5, `${result.changed} changed`);
    await same([...clicks, came]);
    assert.deepEqual(await rows('SELECT DISTINCT window_start::date::text AS day FROM window_mark'), [
      { day: '2026-02-01' },
    ]);
    const versions = (await storedFigures(schema.postgres)).versions;
    const again = await run({ day: '2026-01-31' });
    assert.deepEqual([again.changed, again.vanished, again.version], [0, 0, undefined]);
    assert.deepEqual((await storedFigures(schema.postgres)).versions, versions, 'no version moved');
  });

  test('a day that lost all its clicks leaves tombstones; a day without clicks and figures costs nothing', async () => {
    const clicks = someClicks(60, '2026-01-30T00:00:00Z', '2026-01-31T00:00:00Z');
    const ids = await schema.add(clicks);
    await run({});
    await schema.remove(ids);
    const figures = (await storedFigures(schema.postgres)).figures.size;
    const result = await run({ day: '2026-01-30' });
    assert.equal(result.vanished, figures);
    assert.equal((await storedFigures(schema.postgres)).tombstones.size, figures);
    const empty = await run({ day: '2026-01-30' });
    assert.deepEqual(
      { ...empty, ms: 0, run: undefined },
      { ...empty, hours: 0, changed: 0, ms: 0, run: undefined },
    );
  });

  test('a dry run says exactly what the run of that day then changes, and changes nothing', async () => {
    const clicks = someClicks(300, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z', 8);
    const ids = await schema.add(clicks);
    await run({});
    await schema.remove(ids.slice(0, 20));
    await schema.addUnmarked([{ time: '2026-01-30T08:00:00Z', url: '/came', user: 'u' }]);
    await schema.mark('2026-01-30T08:00:00Z');
    const everything = async (): Promise<unknown> => [
      await storedFigures(schema.postgres),
      await rows('SELECT * FROM window_mark ORDER BY 1, 2'),
      await rows('SELECT * FROM aggregate_run'),
      await rows('SELECT * FROM aggregate_settings'),
    ];
    const before = await everything();
    const foreseen = await run({ day: '2026-01-30', dryRun: true });
    assert.deepEqual(await everything(), before);
    assert.ok(foreseen.changed > 4 && foreseen.run === undefined && foreseen.version === undefined);
    const { changed: figures, vanished, unchanged, clicks: read } = await run({ day: '2026-01-30' });
    assert.deepEqual(
      [foreseen.changed, foreseen.vanished, foreseen.unchanged, foreseen.clicks],
      [figures, vanished, unchanged, read],
    );
  });

  test('the refusal under changed settings counts the days that the backfill computes, those without figures too', async () => {
    await schema.add(someClicks(50, '2026-01-30T00:00:00Z', '2026-02-01T00:00:00Z', 2));
    await run({});
    // The leaf of a day that no run has seen yet.
    await rows('CREATE TABLE click_data_20260203 () INHERITS (click_data)');
    await run({ day: '2026-01-30' }, changed);
    await assert.rejects(run({}, changed), outdated(/settings: 2, 2026-01-31 to 2026-02-03; done: 1\. /));
    const plan: Promise<BackfillPlan> = newActivity().run(
      createPlanBackfill(analyzeDeps(NAME, schema, spark)),
      {},
    );
    assert.equal((await plan).days, 3, 'the two and the one that is done');
  });

  test('under changed settings runs of marked hours are refused until every day is computed, then go on', async () => {
    const clicks = someClicks(500, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z', 4);
    await schema.add(clicks);
    await run({});
    await schema.mark('2026-01-30T08:00:00Z');
    await assert.rejects(
      run({}, changed),
      outdated(
        /session_timeout=60000ms; stored .*settings: 3, 2026-01-30 to 2026-02-01. `clickstream backfill` does it/,
      ),
    );
    assert.equal((await run({})).hours, 2, 'workers of the old settings go on until then');

    await run({ day: '2026-01-30', dryRun: true }, changed);
    assert.equal((await run({ day: '2026-01-31' }, changed)).hours, 24);
    await assert.rejects(run({}, changed), outdated(/settings: 2, 2026-01-30 to 2026-02-01; done: 1/));
    await assert.rejects(
      run({}),
      outdated(/a backfill with another .* was begun .* settings: 1, 2026-01-31\. .*or end that one/),
    );

    for (const day of DAYS) await run({ day }, changed);
    assert.equal((await run({}, changed)).hours, 0);
    await assert.rejects(
      run({}),
      outdated(/session_timeout=1800000ms; stored/),
      'the old settings are refused now',
    );
    assert.deepEqual(await rows('SELECT * FROM backfill_day'), []);
    const grown = await storedFigures(schema.postgres);
    await rows('TRUNCATE click_metrics, aggregate_settings');
    await schema.mark(...clicks.map((click) => click.time));
    await run({}, changed);
    assert.deepEqual(comparable(grown.figures), comparable((await storedFigures(schema.postgres)).figures));
  });

  test('after half a backfill under changed settings the old ones can be had back, by a backfill of those days', async () => {
    const clicks = someClicks(200, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z', 4);
    await schema.add(clicks);
    await run({});
    await run({ day: '2026-01-31' }, changed);
    await run({ day: '2026-01-31' });
    assert.deepEqual(await rows('SELECT * FROM backfill_day'), []);
    assert.equal((await run({})).hours, 0);
    await same(clicks);
  });

  test('a frozen day stays as it is, and does not keep changed settings from coming into force', async () => {
    const clicks = someClicks(200, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z', 4);
    const ids = await schema.add(clicks);
    await run({});
    await rows("UPDATE retention_floor SET floor = '2026-01-31T00:00Z'");
    await schema.remove(ids.filter((_, i) => (clicks[i]?.time ?? '') < '2026-01-31'));
    const versions = async () =>
      [...(await storedFigures(schema.postgres)).versions].filter(([key]) =>
        /^(hour|day)\|2026-01-30/.test(key),
      );
    const frozen = await versions();
    assert.equal((await run({ day: '2026-01-30' }, changed)).hours, 0);
    for (const day of DAYS.slice(1)) await run({ day }, changed);
    assert.deepEqual(await versions(), frozen);
    assert.equal((await run({}, changed)).hours, 0);
  });

  test('whoever waits for the figures comes before a backfill that waits as well', async () => {
    await schema.add(someClicks(60, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z'));
    const holder = await schema.postgres.pool.connect();
    await holder.query('BEGIN; LOCK TABLE aggregate_run IN EXCLUSIVE MODE');
    const ended: string[] = [];
    const waits = async (
      name: string,
      input: RunSparkAggregationInput,
    ): Promise<{ run: Promise<unknown> }> => {
      let waiting = false;
      const info = (_: object, said: string): void => {
        waiting ||= /waiting for another writer of figures/.test(said);
      };
      const ending = run(input, config, { ...silentLogger, info }).then(() => ended.push(name));
      await until(`${name} to wait`, 60_000, () => waiting);
      return { run: ending };
    };
    const day = await waits('backfill', { day: '2026-01-30' });
    const live = await waits('live', { maxRows: 1 });
    await holder.query('COMMIT');
    holder.release();
    await Promise.all([day.run, live.run]);
    assert.deepEqual(ended, ['live', 'backfill']);
  });

  test('it does not take a lock that is free while another asks for it again, unless that one fell silent', async () => {
    await schema.add(someClicks(60, '2026-01-30T00:00:00Z', '2026-01-31T00:00:00Z'));
    const between = await schema.postgres.pool.connect();
    await between.query(`SET application_name = '${NAME}:aggregate:a:b'`);
    await announceWait(between);
    let waitedFor: unknown;
    const info = (fields: object, said: string): void => {
      if (/waiting for another writer/.test(said)) waitedFor ??= fields;
    };
    const deps = analyzeDeps(NAME, schema, spark, { config, logger: { ...silentLogger, info } });
    await aggregate(deps, { day: '2026-01-30' }, newActivity(2_000));
    assert.deepEqual(waitedFor, { waitingFor: [`${NAME}:aggregate:a:b`] });
    between.release(true);
  });

  test('a live run that comes in the middle of a day waits for the rest of that day, and for no other', async () => {
    await schema.add(someClicks(200, '2026-01-30T00:00:00Z', '2026-02-02T00:00:00Z'));
    const announced = async (): Promise<boolean> =>
      (await withClient(schema.postgres, `${NAME}:test`, (client) => figureWaiters(client, 60_000))).length >
      0;
    const runs = new Map<string, number>();
    let live: Promise<AggregationResult> | undefined;
    const failpoint: Failpoint = async (place) => {
      if (place === 'runSparkAggregation:mid-spark') live ??= run({ maxRows: 1 });
      if (place === 'runSparkAggregation:before-commit' && runs.size === 0)
        await until('the live run to wait', 60_000, announced);
    };
    const deps = analyzeDeps(NAME, schema, spark, { config, failpoint });
    for (const day of DAYS) runs.set(day, Number((await aggregate(deps, { day })).run));
    runs.set('live', Number((await live)?.run));
    const order = [...runs].sort(([, a], [, b]) => a - b).map(([who]) => who);
    assert.deepEqual(order, ['2026-01-30', 'live', '2026-01-31', '2026-02-01']);
  });
});
