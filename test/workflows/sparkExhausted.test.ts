/** Runs, as Temporal sees them, whose Spark is not up to the work. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { ActivityFailure, ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { createRunSparkAggregation } from '../../activities/runSparkAggregation.js';
import { supplySpark } from '../../clients/spark/index.js';
import { analyzeWorkflowId } from '../../domain/names.js';
import type { RunSparkAggregationInput } from '../../domain/stages.js';
import { analyzeDeps, areFiguresOf } from '../support/aggregation.js';
import { makeFiguresSchema, someClicks, storedFigures, type FiguresSchema } from '../support/figures.js';
import { testName } from '../support/names.js';
import { aggregated, indexed } from '../support/shards.js';
import { withSparkServer, type SparkServer } from '../support/sparkServer.js';
import { withStage, type Stage } from '../support/temporal.js';

const NAME = testName('exhausted');
const TRIES = 3;
/** The service file of the shared Spark is not that of a server of our own. */
const { hostname, port, pathname, username, password } = new URL(
  process.env['DATABASE_URL'] ?? 'postgres://localhost/none',
);
const JDBC_URL = `jdbc:postgresql://${hostname}:${port || '5432'}${pathname}?user=${username}&password=${password}`;
const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
/** A server that has just started on a loaded machine takes its time for the first call. */
const patience = { unaryMs: 180_000 };

const failureOf = async (result: Promise<unknown>): Promise<ApplicationFailure> => {
  const error: unknown = await result.then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.ok(error instanceof WorkflowFailedError, String(error));
  const failure = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
  assert.ok(failure instanceof ApplicationFailure, String(failure));
  return failure;
};

describe('a run whose Spark is not up to it', () => {
  let schema: FiguresSchema;
  const clicks = someClicks(100, '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z');

  before(async () => {
    schema = await makeFiguresSchema(NAME);
  });
  beforeEach(async () => {
    await schema.drop();
    schema = await makeFiguresSchema(NAME);
    await schema.add(clicks);
  });
  after(() => schema.drop());

  const sql = (text: string) => schema.postgres.pool.query<Record<string, string>>(text);
  const marks = async (): Promise<number> => (await sql('SELECT FROM window_mark')).rows.length;
  const nothingWritten = async (): Promise<void> => {
    assert.equal((await storedFigures(schema.postgres)).versions.size, 0);
    assert.equal((await sql('SELECT FROM aggregate_run')).rows.length, 0);
    const locks = await sql("SELECT FROM pg_locks WHERE relation = 'aggregate_run'::regclass");
    assert.equal(locks.rows.length, 0);
  };
  /**
   * The real workflows and the real aggregation on `server`, which is started again when it ends, as a service manager
   * does; `attempts` are the inputs of those that it was given.
   */
  const withRuns = async (
    server: SparkServer,
    use: (stage: Stage, attempts: RunSparkAggregationInput[]) => Promise<void>,
  ): Promise<void> => {
    const spark = supplySpark(server.remote, { patience });
    const attempts: RunSparkAggregationInput[] = [];
    const servers = { ...schema.servers, spark: { ...schema.servers.spark, jdbcUrl: JDBC_URL } };
    const aggregate = createRunSparkAggregation(analyzeDeps(NAME, schema, spark, { servers }));
    const activities = {
      runSparkAggregation: (input: RunSparkAggregationInput) => {
        attempts.push(input);
        return aggregate(input);
      },
      indexMetrics: () => Promise.resolve(indexed),
    };
    let over = false;
    const upkeep = (async () => {
      for (; !over; await sleep(200)) if (!isRunning(server.pid)) await server.start();
    })();
    try {
      await withStage({ activities }, (stage) => use(stage, attempts));
    } finally {
      over = true;
      await upkeep;
      await spark.close();
    }
  };
  test('out of memory: tried a few times, then it fails with what gives Spark more, and the next run tries anew', async () => {
    // 600 MB that one connection reads at a time, into a heap of 512 MB; PostgreSQL stores them as next to nothing.
    await sql(`INSERT INTO click_data (click_id, event_id, event_time, url)
      SELECT 1000 + n, gen_random_uuid(), '2026-01-06T10:00Z', n || repeat('x', 100000) FROM generate_series(1, 6000) n`);
    await schema.mark('2026-01-06T10:00:00Z');
    const before = await marks();
    await withSparkServer({ heap: '512m' }, (server) =>
      withRuns(server, async ({ start, name }, attempts) => {
        const run = await start('analyze', analyzeWorkflowId(name));
        const failure = await failureOf(run.result());
        assert.equal(failure.type, 'ServerExhausted', failure.message);
        assert.match(failure.message, /memory/);
        assert.match(
          failure.message,
          /SPARK_DRIVER_MEMORY=2g .*spark\.driver\.memory.*spark\.executor\.memory/,
        );
        assert.equal(attempts.length, TRIES);
        await nothingWritten();
        assert.equal(await marks(), before);

        await sql("DELETE FROM click_data WHERE event_time = '2026-01-06T10:00Z'");
        await (await start('analyze', analyzeWorkflowId(name))).result();
        assert.equal(await marks(), 0);
        await areFiguresOf(schema, clicks);
      }),
    );
  });

  test('without the JDBC driver of PostgreSQL: final at once, with driver and option, and nothing is written', async () => {
    const before = await marks();
    await withSparkServer({ without: /^postgresql/ }, (server) =>
      withRuns(server, async ({ start, name }, attempts) => {
        const run = await start('analyze', analyzeWorkflowId(name));
        const failure = await failureOf(run.result());
        assert.equal(failure.type, 'ServerRefused', failure.message);
        assert.match(
          failure.message,
          /lacks the PostgreSQL driver: put org\.postgresql:postgresql on the class path .*--packages/,
        );
        assert.ok(failure.message.includes(server.remote.slice('sc://'.length)), failure.message);
        assert.equal(attempts.length, 1);
        await nothingWritten();
        assert.equal(await marks(), before);
      }),
    );
  });
});

test('figures that were computed before a later part of the run failed are indexed all the same', async () => {
  const calls: string[] = [];
  const activities = {
    runSparkAggregation: () => {
      calls.push('aggregate');
      return calls.length === 1
        ? Promise.resolve(aggregated(5))
        : Promise.reject(ApplicationFailure.nonRetryable('no memory', 'ServerExhausted'));
    },
    indexMetrics: () => {
      calls.push('index');
      return Promise.resolve(indexed);
    },
  };
  await withStage({ activities }, async ({ start, name }) => {
    const failure = await failureOf((await start('analyze', analyzeWorkflowId(name))).result());
    assert.equal(failure.message, 'no memory');
    assert.deepEqual(calls, ['aggregate', ...Array<string>(TRIES).fill('aggregate'), 'index']);
  });
});
