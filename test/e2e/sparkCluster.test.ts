import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { noFailpoint, type Failpoint } from '../../activities/deps.js';
import { parseServers } from '../../domain/config/servers.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import type { AggregationResult } from '../../domain/stages.js';
import { livingWorkers } from '../../infra/servers.js';
import { accessLog } from '../support/accessLog.js';
import { cli } from '../support/cli.js';
import { makeFiguresSchema, someClicks, type Click, type FiguresSchema } from '../support/figures.js';
import { closeGate, type Gate } from '../support/gate.js';
import { until, withInstallation } from '../support/installation.js';
import { testName } from '../support/names.js';
import { openWire } from '../support/wire.js';
import { isThere, startSparkCluster, type TestSparkCluster } from '../support/sparkCluster.js';
import { plainFigures as figuresOfLog } from './plainFigures.js';
import { aggregate, analyzeDeps, areFiguresOf, newActivity } from '../support/aggregation.js';

/** Longer than an executor takes to be replaced on a busy machine. */
const PATIENCE_MS = 120_000;

describe('a Spark cluster with two workers', () => {
  let cluster: TestSparkCluster;
  let spark: SparkSupply;
  const name = testName('cluster');
  let schema: FiguresSchema;

  before(async () => {
    cluster = await startSparkCluster(process.env['DATABASE_URL'] ?? '');
    // This process, the workers and the commands that it starts.
    process.env['SPARK_REMOTE'] = cluster.remote;
    process.env['SPARK_JDBC_URL'] = cluster.jdbcUrl;
    spark = supplySpark(cluster.remote);
  });
  after(async () => {
    await spark.close();
    await schema.drop();
    await cluster.stop();
  });

  const run = (failpoint: Failpoint = noFailpoint, jdbcUrl = cluster.jdbcUrl): Promise<AggregationResult> => {
    const servers = parseServers({ ...process.env, SPARK_JDBC_URL: jdbcUrl });
    return aggregate(analyzeDeps(name, schema, spark, { servers, failpoint }), {}, newActivity(PATIENCE_MS));
  };
  const assertFigures = (clicks: readonly Click[]): Promise<void> => areFiguresOf(schema, clicks);
  const sparkApplication = `${name}:spark:%`;

  /** Clicks of one day, and a planner who believes them to be so many that both executors read. */
  async function prepare(seed: number): Promise<Click[]> {
    await schema?.drop();
    schema = await makeFiguresSchema(name);
    const clicks = someClicks(600, '2026-03-10T02:00:00Z', '2026-03-10T20:00:00Z', seed);
    await schema.add(clicks);
    await schema.postgres.pool.query(
      `ALTER TABLE click_data SET (autovacuum_enabled = false);
       UPDATE pg_class SET relpages = 1, reltuples = 1e8 WHERE oid = 'click_data'::regclass`,
    );
    await cluster.haveExecutors();
    return clicks;
  }
  const bothWait = (gate: Gate): Promise<void> =>
    until('both executors in mid-read', PATIENCE_MS, async () => (await gate.waiting(sparkApplication)) >= 2);

  test('an executor killed in mid-job: its tasks enter the same snapshot again, and the figures are right', async () => {
    const clicks = await prepare(1);
    const gate = await closeGate(schema.postgres, name, 'geo_data');
    const running = run();
    await bothWait(gate);

    // What a task would count twice, or miss, if it read anything later than the others.
    const later = someClicks(300, '2026-03-10T02:00:00Z', '2026-03-10T20:00:00Z', 99);
    await schema.add(later);
    const killedAt = new Date();
    const [[killed = 0] = []] = cluster.executors();
    await cluster.kill(killed);
    await until('a task that is tried again', PATIENCE_MS, async () => {
      return (await gate.waiting(sparkApplication, killedAt)) > 0;
    });
    await gate.open();

    const result = await running;
    assert.deepEqual([result.clicks, result.changed > 0], [clicks.length, true]);
    await assertFigures(clicks);
    assert.ok((await run()).hours > 0, 'the marks of the later clicks had stayed');
    await assertFigures([...clicks, ...later]);
  });

  test('a whole worker killed in mid-job: the other one finishes, no executor is left over, and up brings it back', async () => {
    const clicks = await prepare(2);
    const gate = await closeGate(schema.postgres, name, 'geo_data');
    const running = run();
    await bothWait(gate);
    const driver = cluster.pidOf('spark');
    const [orphans = []] = cluster.executors();
    assert.equal(orphans.length, 1);
    await cluster.kill(cluster.pidOf('spark-worker-1'));
    await until('the end of its executor', PATIENCE_MS, () => !orphans.some(isThere));
    await gate.open();
    await running;
    await assertFigures(clicks);

    assert.equal(await livingWorkers(cluster.ui), 1);
    assert.deepEqual(await cluster.up(), ['spark']);
    assert.equal(await livingWorkers(cluster.ui), 2);
    assert.equal(cluster.pidOf('spark'), driver, 'the driver goes on');
    await cluster.haveExecutors();
  });

  test('the master killed in mid-job: the job goes on, and a master started again replaces executors', async () => {
    const clicks = await prepare(3);
    const gate = await closeGate(schema.postgres, name, 'geo_data');
    const running = run();
    await bothWait(gate);
    await cluster.kill(cluster.pidOf('spark-master'));
    await gate.open();
    await running;
    await assertFigures(clicks);

    assert.deepEqual(await cluster.up(), ['spark']);
    const [[killed = 0] = []] = cluster.executors();
    await cluster.kill(killed);
    await cluster.haveExecutors();
    await schema.add(clicks);
    await run();
    await assertFigures([...clicks, ...clicks]);
  });

  test('executors that PostgreSQL is out of reach for: the error says where to look, and nothing changes', async () => {
    const clicks = await prepare(4);
    const wire = await openWire(process.env['DATABASE_URL'] ?? '');
    const broken = run(() => wire.cut(), cluster.nameService('wire', wire.port));
    await assert.rejects(broken, ({ message }: Error) => {
      assert.match(message, /^Spark cannot reach PostgreSQL: SPARK_JDBC_URL, .*each executor; .*refused/);
      return true;
    });
    await assert.rejects(run(noFailpoint, 'jdbc:postgresql:///?service=nobody'), /PGSERVICEFILE/);
    await assertFigures([]);
    await run();
    await assertFigures(clicks);
  });

  test('the chain on a cluster: an executor and then a worker killed while a pipeline runs, and all is verified', async () => {
    const log = accessLog();
    const expected = await figuresOfLog(log);
    await withInstallation('cluster', async (installation) => {
      await installation.json(['produce', log, '--format', 'access-log']);
      await installation.worker();
      const piped = installation.run(['pipeline']);
      await until('Spark to read', PATIENCE_MS, async () => {
        const { rows } = await schema.postgres.pool.query<{ n: string }>(
          'SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE $1 AND application_name NOT LIKE $2',
          [`${installation.name}:spark:%`, '%:warm:up'],
        );
        return Number(rows[0]?.n) > 0;
      });
      const [[killed = 0] = []] = cluster.executors();
      await cluster.kill(killed);
      await cluster.kill(cluster.pidOf('spark-worker-2'));
      const { code, stderr } = await piped;
      assert.equal(code, 0, stderr);

      const status = await installation.status();
      const clicks = expected.lines - expected.broken;
      assert.deepEqual(
        [status.persisted, status.dead_letters, status.marks_waiting, status.documents_clicks],
        [clicks, expected.broken, 0, clicks],
      );
      const verified = await installation.run(['verify', '--drained']);
      assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    });
  });

  test('doctor says what master the driver works for', async () => {
    await cluster.up();
    const { stdout } = await cli(['doctor', '--json']);
    const { servers } = JSON.parse(stdout) as { servers: { name: string; detail: string }[] };
    const { detail } = servers.find((server) => server.name === 'spark') ?? { detail: '' };
    assert.match(detail, /^4\.\d+\.\d+, spark:\/\/127\.0\.0\.1:\d+/);
  });
});
