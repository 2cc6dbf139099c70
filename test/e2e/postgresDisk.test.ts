import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import pg from 'pg';
import { cli, type CliResult } from '../support/cli.js';
import { killServersOf } from '../support/ending.js';
import { until, withInstallation, type Installation } from '../support/installation.js';
import { withSmallDisk, type SmallDisk } from '../support/smallDisk.js';

const MIB = 1024 * 1024;

interface Retrying {
  readonly records: number;
  readonly clicks: number;
  readonly dead_letters: number;
  readonly retrying: readonly string[];
}

/** Events `from` to `to`, 50 ms apart. */
const events = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => from + i)
    .map(
      (n) =>
        `${JSON.stringify({ event_id: `e${n}`, t: 1_700_000_000_000 + n * 50, ip: `192.0.2.${n % 200}`, url: `/page/${n % 50}?${'q'.repeat(500)}`, user_agent: 'test' })}\n`,
    )
    .join('');

interface OwnPostgres {
  readonly url: string;
  isAlive(): boolean;
  up(): Promise<CliResult>;
}

interface ServersFile {
  readonly postgres: { readonly url: string };
  readonly processes: { readonly postgres: { readonly pid: number } };
}

/** One statement on a connection of its own. */
async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A PostgreSQL with all that it has, its log of writes included, on a small disk. It asks no password: Spark reads it, too. */
async function withPostgresOn(
  bytes: number,
  use: (postgres: OwnPostgres, disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'clickstream-disk-'));
  const folder = path.join(stateDir, 'postgres');
  mkdirSync(folder);
  const env = { CLICKSTREAM_STATE_DIR: stateDir, DATABASE_URL: '' };
  const servers = (): ServersFile =>
    JSON.parse(readFileSync(path.join(stateDir, 'servers.json'), 'utf8')) as ServersFile;
  const isAlive = (): boolean => {
    try {
      return process.kill(servers().processes.postgres.pid, 0);
    } catch {
      return false;
    }
  };
  const ended = killServersOf(stateDir);
  try {
    await withSmallDisk({ folder, bytes }, async (disk) => {
      const up = () => cli(['up', '--only', 'postgres'], { env, inside: disk.inside });
      try {
        const started = await up();
        assert.equal(started.code, 0, started.stderr);
        const url = new URL(servers().postgres.url);
        writeFileSync(disk.path('data/pg_hba.conf'), 'host all all 127.0.0.1/32 trust\n');
        await query(url.href, 'SELECT pg_reload_conf()');
        url.password = '';
        await use({ url: url.href, isAlive, up }, disk);
      } finally {
        await cli(['down'], { env, inside: disk.inside });
      }
    });
  } finally {
    ended();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

describe("PostgreSQL's disk is full", () => {
  test('in mid-COPY, then under the WAL, which ends the server: nothing is lost or doubled, and it goes on when there is room', async () => {
    await withPostgresOn(192 * MIB, async (postgres, disk) => {
      process.env['DATABASE_URL'] = postgres.url;
      process.env['SPARK_JDBC_URL'] = '';
      await withInstallation(
        'postgres disk',
        async (installation) => {
          const run: Installation['run'] = (...call) => installation.run(...call);
          const persisted = (): Promise<number> => installation.persisted();
          await installation.worker();
          assert.equal((await run(['ingest', 'start'])).code, 0);
          assert.equal((await run(['produce', '-'], {}, events(0, 1000))).code, 0);
          await until('the first clicks', 60_000, async () => (await persisted()) === 1000);

          // A segment of the WAL to itself, so that it is the tables that find no room.
          await query(postgres.url, 'SELECT pg_switch_wal()');
          await query(postgres.url, 'CHECKPOINT');
          disk.fill(MIB / 4);
          assert.equal((await run(['produce', '-'], {}, events(1000, 4000))).code, 0);
          const told = /persistBatch, attempt \d+: PostgreSQL's disk is full.*make room/;
          await until('the failure to be seen', 60_000, async () =>
            told.test((await installation.json<Retrying>(['status'])).retrying.join('\n')),
          );
          const {
            records,
            clicks,
            dead_letters: deadLetters,
          } = await installation.json<Retrying>(['status']);
          assert.deepEqual(
            [records, clicks, deadLetters],
            [1000, 1000, 0],
            'no half of a batch, no dead letter',
          );

          await assert.rejects(async () => {
            for (;;)
              await query(postgres.url, `SELECT pg_logical_emit_message(false, 'fill', repeat('x', ${MIB}))`);
          });
          await until('PostgreSQL to be gone', 60_000, () => !postgres.isAlive());
          const refused = await postgres.up();
          assert.equal(refused.code, 3, refused.stderr);
          assert.match(refused.stderr, /No space left on device/);

          disk.empty();
          assert.equal((await postgres.up()).code, 0);
          await until('the other clicks', 120_000, async () => (await persisted()) === 4000);
          const chain = await run(['pipeline']);
          assert.equal(chain.code, 0, chain.stderr);
          const verified = await run(['verify', '--drained']);
          assert.equal(verified.code, 0, verified.stdout + verified.stderr);
          assert.equal((await installation.status()).documents_clicks, 4000);
          await until(
            'nothing to be tried again',
            60_000,
            async () => (await installation.json<Retrying>(['status'])).retrying.length === 0,
          );
          assert.equal((await run(['ingest', 'stop'])).code, 0);
        },
        (yaml) => yaml.replace(/^kafka:/m, 'ingest: { shards: 1, batch: { records: 1000 } }\nkafka:'),
      );
    });
  });
});
