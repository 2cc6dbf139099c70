import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { noFailpoint, type AnalyzeDeps, type Failpoint, type FailpointName } from '../../activities/deps.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import { parseServers } from '../../domain/config/servers.js';
import { silentLogger, type Logger } from '../../domain/logger.js';
import type { AggregationResult } from '../../domain/stages.js';
import {
  makeFiguresSchema,
  someClicks,
  storedFigures,
  type Click,
  type FiguresSchema,
} from '../support/figures.js';
import { closeGate } from '../support/gate.js';
import { until } from '../support/installation.js';
import { testName } from '../support/names.js';
import { withSparkOfVersion } from '../support/otherSpark.js';
import { openWire } from '../support/wire.js';
import { aggregate, analyzeDeps, areFiguresOf, newActivity } from '../support/aggregation.js';

const NAME = testName('runfault');
const HEARTBEAT_MS = 3000;
/** So often an attempt beats within its heartbeat timeout. */
const BEATS = 3;

describe('a run that something goes wrong with', () => {
  let schema: FiguresSchema;
  let spark: SparkSupply;
  const clicks = someClicks(300, '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z');

  type Act = () => Promise<unknown>;
  /** One attempt; `at` acts where it passes. */
  const run = (
    at: Partial<Record<FailpointName, Act>> = {},
    overrides: Partial<AnalyzeDeps> = {},
    activity = newActivity(HEARTBEAT_MS),
  ): Promise<AggregationResult> => {
    const failpoint = async (name: FailpointName): Promise<void> => void (await at[name]?.());
    return aggregate(analyzeDeps(NAME, schema, spark, { failpoint, ...overrides }), {}, activity);
  };
  const sql = (text: string) => schema.postgres.pool.query<Record<string, string>>(text);
  const same = (of: readonly Click[]): Promise<void> => areFiguresOf(schema, of);
  const sessions = async (stage: string): Promise<number> => {
    const { rows } = await sql(
      `SELECT count(*) AS n FROM pg_stat_activity
       WHERE application_name LIKE '${NAME}:${stage}:%' AND state <> 'idle'`,
    );
    return Number(rows[0]?.['n']);
  };
  /** Nothing of an attempt is left: no session, no lock, no view in Spark, no figure. */
  const nothingLeft = async (): Promise<void> => {
    for (let i = 0; i < 100 && (await sessions('spark')) + (await sessions('aggregate')) > 0; i += 1)
      await sleep(100);
    assert.deepEqual([await sessions('spark'), await sessions('aggregate')], [0, 0]);
    const { rows } = await sql("SELECT FROM pg_locks WHERE relation = 'aggregate_run'::regclass");
    assert.equal(rows.length, 0);
    assert.equal((await storedFigures(schema.postgres)).versions.size, 0);
    const session = await spark.session();
    const views: unknown[] = [];
    for await (const batch of session.query('SHOW VIEWS')) for (const row of batch) views.push(row.toJSON());
    assert.deepEqual(views, []);
  };
  const failed =
    (type: string, final: boolean, message = /./) =>
    (e: unknown): boolean =>
      e instanceof ApplicationFailure &&
      e.type === type &&
      (e.nonRetryable ?? false) === final &&
      message.test(e.message);

  before(() => {
    spark = supplySpark(parseServers(process.env).spark.remote);
  });
  beforeEach(async () => {
    await schema?.drop();
    schema = await makeFiguresSchema(NAME);
  });
  after(async () => {
    await schema.drop();
    await spark.close();
  });

  test('its connection falls silent: noticed within two heartbeats, and the next attempt is not kept waiting', async () => {
    await schema.add(clicks);
    const wire = await openWire(process.env['DATABASE_URL'] ?? '');
    const servers = parseServers({ ...process.env, DATABASE_URL: wire.url });
    const postgres = openPostgres(servers, NAME);
    const activity = newActivity(HEARTBEAT_MS);
    let beats = 0;
    activity.on('heartbeat', () => (beats += 1));
    const silence = (): Promise<void> => {
      beats = 0;
      wire.fallSilent();
      return Promise.resolve();
    };
    try {
      // Spark reads by its own way.
      const there = { postgres, servers: { ...servers, spark: schema.servers.spark } };
      await assert.rejects(
        run({ 'runSparkAggregation:mid-spark': silence }, there, activity),
        failed('ServerUnavailable', false, /has not answered/),
      );
      assert.ok(beats <= 2 * BEATS, `${beats} beats`);
    } finally {
      await wire.cut();
      await postgres.close().catch(() => undefined);
    }
    await run({}, {}, activity);
    await same(clicks);
  });

  test('it is killed after its commit: the next attempt computes nothing and answers what was committed', async () => {
    await schema.add(clicks);
    await run();
    const late: Click = { time: '2026-01-05T03:10:00Z', url: '/page/1', user: 'late' };
    await schema.add([late]);
    await schema.mark('2026-01-05T20:00:00Z', '2026-01-07T20:00:00Z');
    let computed: Partial<AggregationResult> & { readonly aggregateRun?: string } = {};
    const attempt = (failpoint: Failpoint): Promise<AggregationResult> => {
      const logger: Logger = { ...silentLogger, info: (fields) => void (computed = fields) };
      return aggregate(analyzeDeps(NAME, schema, spark, { failpoint, logger }), { maxRows: 1 }, activity);
    };
    const activity = newActivity(HEARTBEAT_MS);
    const killed = attempt(async (place) => {
      if (place === 'runSparkAggregation:mid-spark') await schema.mark('2026-01-05T22:00:00Z');
      if (place === 'runSparkAggregation:after-commit') throw new Error('killed');
    });
    await assert.rejects(killed, /killed/);
    const logged = computed;
    const stored = await storedFigures(schema.postgres);

    const again = await attempt(noFailpoint);
    // The time after the commit is in the first one's alone.
    assert.deepEqual({ ...logged, ...again, ms: 0 }, { ...logged, run: logged.aggregateRun, ms: 0 });
    for (const count of ['hours', 'clicks', 'changed', 'unchanged', 'marksLeft'] as const)
      assert.ok(again[count] > 0, `${count}: ${again[count]}`);
    assert.deepEqual(await attempt(noFailpoint), again);
    assert.deepEqual(await storedFigures(schema.postgres), stored);
    await same([...clicks, late]);
    assert.ok((await run()).hours > 0, 'another activity makes a run of its own');
  });

  test('its session is ended while Spark reads: Spark is interrupted, its queries are cancelled, nothing is left', async () => {
    await schema.add(clicks);
    // Spark's queries wait before it and cannot end by themselves.
    const gate = await closeGate(schema.postgres, NAME, 'geo_data');
    const attempt = run({
      'runSparkAggregation:mid-spark': async () => {
        await until('Spark to read', 60_000, async () => (await gate.waiting(`${NAME}:spark:%`)) > 0);
        await sql(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '${NAME}:aggregate:%'`,
        );
      },
    });
    try {
      await assert.rejects(attempt, failed('ServerUnavailable', false));
      await nothingLeft();
    } finally {
      await gate.open();
    }
    await run();
    await same(clicks);
  });

  test('marks of a transaction that commits late stay, and the next run computes what they stand for', async () => {
    await schema.add(clicks);
    const late: Click = { time: '2026-01-05T10:15:00Z', url: '/late', user: 'late' };
    const writer = await schema.postgres.pool.connect();
    try {
      // Its mark has a lower number than those that are committed before it.
      await writer.query('BEGIN');
      await writer.query(`INSERT INTO click_data (click_id, event_id, event_time, url, user_id)
        VALUES (900001, '00000000-0000-0000-0000-0000000dbba1', '${late.time}', '/late', 'late')`);
      await writer.query(
        "INSERT INTO window_mark (window_start, batch_id) VALUES ('2026-01-05T10:00:00Z', 'late')",
      );
      await schema.mark('2026-01-05T10:30:00Z');
      await run({ 'runSparkAggregation:mid-spark': () => writer.query('COMMIT') });
    } finally {
      writer.release();
    }
    await same(clicks);
    const { rows } = await sql('SELECT batch_id FROM window_mark');
    assert.deepEqual(rows, [{ batch_id: 'late' }]);
    await run();
    await same([...clicks, late]);
  });

  test('a writer that never rests while Spark reads: the figures are those of one moment, the rest comes later', async () => {
    await schema.add(clicks);
    const all = [...clicks];
    let resting = false;
    let writing: Promise<void> = Promise.resolve();
    await run({
      'runSparkAggregation:mid-spark': () => {
        writing = (async () => {
          for (let seed = 100; !resting && seed < 200; seed += 1) {
            const more = someClicks(5, '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z', seed);
            await schema.add(more);
            all.push(...more);
          }
        })();
        return sleep(500);
      },
      'runSparkAggregation:before-commit': () => {
        resting = true;
        return writing;
      },
    });
    await same(clicks);
    assert.ok(all.length > clicks.length);
    await run();
    await same(all);
  });

  test('Spark is told of another PostgreSQL: final, both are named, nothing is computed', async () => {
    await schema.add(clicks);
    // By host and port: the service alone would name its own database.
    const { rows } = await sql('SELECT host(inet_server_addr()) AS host, inet_server_port()::text AS port');
    const [, login = ''] = /[?](.*)$/.exec(schema.servers.spark.jdbcUrl ?? '') ?? [];
    const elsewhere = `jdbc:postgresql://${rows[0]?.['host']}:${rows[0]?.['port']}/postgres?${login}`;
    const servers = { ...schema.servers, spark: { ...schema.servers.spark, jdbcUrl: elsewhere } };
    await assert.rejects(
      run({}, { servers }),
      failed(
        'ServerRefused',
        true,
        /leads Spark to another PostgreSQL.*database postgres of system \d+.*doctor/,
      ),
    );
    await nothingLeft();
  });

  test('Spark is of another version: final, with both versions, nothing is computed', async () => {
    await schema.add(clicks);
    await withSparkOfVersion('3.5.6', async (remote) => {
      const other = supplySpark(remote);
      await assert.rejects(
        run({}, { spark: () => other.session() }),
        failed('ServerRefused', true, /expected version 4\.1 or newer, got 3\.5\.6/),
      );
      await other.close();
    });
    await nothingLeft();
    await run();
    await same(clicks);
  });

  test('clicks without a value in the column of roles.url: final, with the column and the hours', async () => {
    await schema.add(clicks);
    await sql(
      "ALTER TABLE click_data ALTER url DROP NOT NULL; UPDATE click_data SET url = NULL WHERE click_id = '7'",
    );
    await assert.rejects(
      run(),
      failed(
        'Configuration',
        true,
        /roles\.url is click_data\.url, which is empty in clicks between 2026-01-04T23h/,
      ),
    );
    await nothingLeft();
  });

  test('a stored sketch that cannot be read: final, with figure, window and the backfill that mends it', async () => {
    await schema.add(clicks);
    await run();
    const { rows } = await sql(
      `UPDATE click_metrics SET users_sketch = substr(users_sketch, 1, length(users_sketch) - 3)
       WHERE figure_id = (SELECT figure_id FROM click_metrics WHERE grain = 'hour' AND url = '/page/1'
                          AND window_start = '2026-01-05T04:00:00Z' LIMIT 1)
       RETURNING encode(figure_id, 'hex') AS id, country, window_start`,
    );
    const [damaged] = rows;
    assert.ok(damaged !== undefined);
    const click: Click = {
      time: '2026-01-05T20:20:00Z',
      url: '/page/1',
      ...(damaged['country'] !== 'ZZ' && { country: damaged['country'] ?? '' }),
    };
    await schema.add([click]);
    await assert.rejects(run(), (e) => {
      assert.ok(e instanceof ApplicationFailure && e.type === 'FigureDamaged' && e.nonRetryable === true);
      assert.ok(e.message.includes(damaged['id'] ?? '?'), e.message);
      assert.match(
        e.message,
        /hour figure .*window 2026-01-05T04:00.*backfill --from 2026-01-05 --to 2026-01-06/,
      );
      return true;
    });
    // What the backfill of that day does.
    await schema.mark(...[...clicks, click].map(({ time }) => time));
    await run();
    await same([...clicks, click]);
  });

  test('figures that were marked as damaged are made anew, whether what they are made of has changed or not', async () => {
    await schema.add(clicks);
    await run();
    const sketches = async (): Promise<string> =>
      JSON.stringify(
        (await sql("SELECT md5(string_agg(users_sketch, '' ORDER BY figure_id)) FROM click_metrics")).rows,
      );
    const before = await sketches();
    await sql("UPDATE click_metrics SET users_sketch = '\\x00' WHERE grain IN ('day', 'month')");
    assert.notEqual(await sketches(), before);
    await sql(
      "INSERT INTO window_mark (window_start, batch_id) SELECT DISTINCT window_start, 'damaged' FROM click_metrics WHERE grain = 'hour'",
    );
    await run();
    assert.equal(await sketches(), before);
  });
});
