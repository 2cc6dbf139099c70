import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import pg from 'pg';
import { noFailpoint, type Failpoint } from '../../activities/deps.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import { parseServers } from '../../domain/config/servers.js';
import type { AggregationResult } from '../../domain/stages.js';
import { makeFiguresSchema, someClicks, storedFigures } from '../support/figures.js';
import { closeGate, type Gate } from '../support/gate.js';
import { until, withInstallation } from '../support/installation.js';
import { testName } from '../support/names.js';
import { withSparkServer, type SparkServer } from '../support/sparkServer.js';
import { aggregate, analyzeDeps, areFiguresOf, newActivity } from '../support/aggregation.js';

const JDBC_URL = 'jdbc:postgresql:///?service=reader';
const role = testName('reader').slice(0, 60);
const password = randomBytes(18).toString('hex');
const folder = mkdtempSync(path.join(tmpdir(), 'spark-reader-'));
const serviceFile = path.join(folder, 'pg_service.conf');
const events = path.join(folder, 'events');
const database = new URL(process.env['DATABASE_URL'] ?? 'postgres://localhost/none');

const owner = new pg.Pool({ connectionString: database.href, max: 1 });

before(async () => {
  mkdirSync(events);
  await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  // Hours are UTC's, whatever the clocks say where Spark runs and how PostgreSQL greets it.
  await owner.query(`ALTER ROLE ${role} SET timezone = 'Asia/Kolkata'`);
  writeFileSync(
    serviceFile,
    `[reader]\nhost=${database.hostname}\nport=${database.port || '5432'}\n` +
      `dbname=${decodeURIComponent(database.pathname.slice(1))}\nuser=${role}\npassword=${password}\n`,
    { mode: 0o600 },
  );
});
after(async () => {
  await owner.query(`DROP OWNED BY ${role}`);
  await owner.query(`DROP ROLE ${role}`);
  await owner.end();
  rmSync(folder, { recursive: true, force: true });
});

const lines = (from: number, count: number): string =>
  Array.from(
    { length: count },
    (_, k) =>
      `${JSON.stringify({ event_id: `e${from + k}`, t: 1_700_000_000_000 + (from + k) * 1000, ip: '192.0.2.1', url: `/page/${k % 9}`, user_agent: 'test' })}\n`,
  ).join('');

/** Every page of Spark's UI and REST interface that is linked from the first ones, by its address. */
async function crawl(ui: string): Promise<Map<string, string>> {
  const get = async (address: string): Promise<string> => (await fetch(address)).text();
  const applications = JSON.parse(await get(`${ui}/api/v1/applications`)) as { readonly id: string }[];
  const rest = `${ui}/api/v1/applications/${applications[0]?.id ?? ''}`;
  const waiting = [
    ...['connect', 'SQL', 'environment', 'jobs', 'stages', 'executors', 'storage'].map(
      (tab) => `${ui}/${tab}/`,
    ),
    ...[
      'environment',
      'jobs',
      'stages?details=true',
      'executors',
      'sql?details=true&planDescription=true',
    ].map((what) => `${rest}/${what}`),
  ];
  const pages = new Map<string, string>();
  for (let address = waiting.shift(); address !== undefined && pages.size < 200; address = waiting.shift()) {
    if (pages.has(address)) continue;
    const text = await get(address);
    pages.set(address, text);
    for (const [, link = ''] of text.matchAll(/href="([^"#]+)"/g)) {
      const to = new URL(link.replaceAll('&amp;', '&'), address);
      if (to.origin === ui && !/\/static\/|kill|\/logs?\b|threadDump|heapHistogram/.test(to.href))
        waiting.push(to.href);
    }
  }
  return pages;
}

function filesUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((file) => path.join(dir, file))
    .filter((file) => statSync(file).isFile());
}

async function noPasswordIn(server: SparkServer): Promise<void> {
  const pages = await crawl(server.ui);
  const shown = new Map([
    ...pages,
    ...[server.log, ...filesUnder(events)].map((file) => [file, readFileSync(file, 'utf8')] as const),
  ]);
  const holding = (text: string): string[] =>
    [...shown].filter(([, page]) => page.includes(text)).map(([at]) => at);
  // What is looked for would be found: the reads show in all of these places.
  for (const place of ['/connect/', '/SQL/', '/api/v1/', events])
    assert.ok(
      holding('click_data').some((at) => at.includes(place)),
      `no trace of a read under ${place}`,
    );
  assert.ok(holding('permission denied for table geo_data').length > 0, 'the run that failed shows');
  assert.deepEqual(holding(password), []);
  const theirs = decodeURIComponent(database.password);
  if (theirs !== '') assert.deepEqual(holding(theirs), []);
}

describe('Spark as a role that may only read, with its UI on, and clocks of other zones', () => {
  test('the chain runs, a read that is refused is final and says so, no page or log has a password, and a Spark killed in mid-job changes nothing', () =>
    withSparkServer(
      {
        settings: {
          'spark.ui.enabled': 'true',
          'spark.eventLog.enabled': 'true',
          'spark.eventLog.dir': `file:${events}`,
          'spark.eventLog.compress': 'false',
        },
        env: { PGSERVICEFILE: serviceFile },
        zone: 'America/St_Johns',
      },
      async (server) => {
        await withInstallation('reader', async (installation) => {
          const env = { SPARK_REMOTE: server.remote, SPARK_JDBC_URL: JDBC_URL };
          const granted = await installation.run(['migrate', '--spark-role', role]);
          assert.equal(granted.code, 0, granted.stderr);
          assert.match(granted.stdout, /GRANT SELECT ON .*click_data/);
          assert.equal((await installation.run(['produce', '-'], {}, lines(0, 500))).code, 0);
          await installation.worker({ env });
          const first = await installation.run(['pipeline'], env);
          assert.equal(first.code, 0, first.stderr);
          const verified = await installation.run(['verify', '--drained']);
          assert.equal(verified.code, 0, verified.stdout + verified.stderr);

          const url = new URL(database);
          url.username = role;
          url.password = password;
          const reader = new pg.Client({ connectionString: url.href });
          await reader.connect();
          await assert.rejects(
            reader.query(
              `INSERT INTO ${installation.name}.click_metrics SELECT * FROM ${installation.name}.click_metrics`,
            ),
            /permission denied/,
          );
          await reader.end();

          await owner.query(`REVOKE SELECT ON ${installation.name}.geo_data FROM ${role}`);
          assert.equal((await installation.run(['produce', '-'], {}, lines(500, 100))).code, 0);
          const refused = await installation.run(['pipeline'], env);
          assert.equal(refused.code, 4, refused.stderr);
          assert.match(refused.stderr, /Spark's role may not read the tables/);
          await noPasswordIn(server);
          await owner.query(`GRANT SELECT ON ${installation.name}.geo_data TO ${role}`);
          assert.equal((await installation.run(['pipeline'], env)).code, 0);
        });
        await killedInMidJob(server);
      },
    ));
});

async function killedInMidJob(server: SparkServer): Promise<void> {
  const name = testName('sparkkill');
  const schema = await makeFiguresSchema(name);
  const spark: SparkSupply = supplySpark(server.remote);
  const servers = parseServers({ ...process.env, SPARK_REMOTE: server.remote, SPARK_JDBC_URL: JDBC_URL });
  const run = (failpoint: Failpoint): Promise<AggregationResult> => {
    return aggregate(analyzeDeps(name, schema, spark, { servers, failpoint }), {}, newActivity(30_000));
  };
  const queries = async (): Promise<number> => {
    const { rows } = await schema.postgres.pool.query(
      "SELECT FROM pg_stat_activity WHERE application_name LIKE $1 AND state = 'active'",
      [`${name}:spark:%`],
    );
    return rows.length;
  };
  let gate: Gate | undefined;
  try {
    const clicks = someClicks(300, '2026-01-05T00:00:00Z', '2026-01-06T00:00:00Z');
    await schema.add(clicks);
    gate = await closeGate(schema.postgres, name, 'geo_data');
    await schema.postgres.pool.query(
      `GRANT USAGE ON SCHEMA ${name} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${name} TO ${role}`,
    );
    await assert.rejects(
      run(async (place) => {
        if (place !== 'runSparkAggregation:mid-spark') return;
        await until('Spark to read', 60_000, async () => (await queries()) > 0);
        await server.kill();
      }),
      (e) =>
        e instanceof ApplicationFailure && e.type === 'ServerExhausted' && /memory ran out/.test(e.message),
    );
    assert.equal(await queries(), 0, 'what the dead Spark had asked for is ended');
    assert.equal((await storedFigures(schema.postgres)).versions.size, 0);
    await gate.open();
    await server.start();
    assert.equal((await run(noFailpoint)).clicks, clicks.length);
    await areFiguresOf(schema, clicks);
  } finally {
    await gate?.open();
    await spark.close();
    await schema.drop();
  }
}
