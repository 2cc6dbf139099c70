/** An installation of its own on the shared servers: configuration, tables, topic, workers as processes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { parseServers } from '../../domain/config/servers.js';
import { indexTemplate } from '../../domain/names.js';
import { cli, cliJson, ROOT, type CliResult } from './cli.js';
import { testName } from './names.js';
import { startWorker, type TestWorker, type WorkerOptions } from './worker.js';

export interface Status {
  readonly records: number;
  readonly persisted: number;
  readonly duplicates: number;
  readonly dead_letters: number;
  readonly filtered: number;
  readonly lag: number;
  readonly marks_waiting: number;
  readonly documents_clicks: number;
  readonly documents_clicks_by_grain: Readonly<Record<string, number>>;
}

export interface Installation {
  readonly name: string;
  readonly topic: string;
  readonly config: string;
  readonly folder: string;
  run(args: readonly string[], env?: Record<string, string>, input?: string): Promise<CliResult>;
  json<T>(args: readonly string[]): Promise<T>;
  status(): Promise<Status>;
  /** The clicks in the ledger, read from PostgreSQL itself: to wait for, where a command each time would be a load. */
  persisted(): Promise<number>;
  /** One statement in the installation's schema. */
  sql(statement: string): Promise<void>;
  /** Resolves when the worker is ready. */
  worker(options?: Omit<WorkerOptions, 'config'>): Promise<TestWorker>;
}

/** The access-log configuration of the project under another name and topic, changed by `edit`. */
export async function withInstallation(
  about: string,
  use: (installation: Installation) => Promise<void>,
  edit: (yaml: string) => string = (yaml) => yaml,
): Promise<void> {
  const name = testName(about);
  const topic = `${name}-clicks`;
  const folder = mkdtempSync(path.join(tmpdir(), `${name}-`));
  const config = path.join(folder, 'clickstream.yaml');
  const yaml = readFileSync(path.join(ROOT, 'clickstream.yaml'), 'utf8')
    .replace(/^name: .*$/m, `name: ${name}`)
    .replace(/topics: \[[^\]]*\]/, `topics: [${topic}]`);
  writeFileSync(config, edit(yaml));

  const workers: TestWorker[] = [];
  const ledger = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 1 });
  // A PostgreSQL that a test ends must not end the test.
  ledger.on('error', () => undefined);
  const installation: Installation = {
    name,
    topic,
    config,
    folder,
    run: (args, more = {}, input = '') => cli(['--config', config, ...args], { env: more, input }),
    json: (args) => cliJson(['--config', config, ...args]),
    status: () => cliJson<Status>(['--config', config, 'status']),
    async persisted() {
      const { rows } = await ledger.query<{ n: string }>(
        `SELECT coalesce(sum(persisted), 0) AS n FROM "${name}".batch`,
      );
      return Number(rows[0]?.n);
    },
    async sql(statement) {
      await ledger.query(`SET search_path TO "${name}"; ${statement}`);
    },
    async worker(options = {}) {
      const worker = await startWorker({ ...options, config });
      workers.push(worker);
      return worker;
    },
  };
  try {
    const migrated = await installation.run(['migrate']);
    if (migrated.code !== 0) throw new Error(`migrate exited ${migrated.code}\n${migrated.stderr}`);
    await use(installation);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
    await ledger.end();
    await dropIndices(name);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A server takes a thousand shards, and the servers of tests are kept for the next run. */
async function dropIndices(name: string): Promise<void> {
  const client = openElasticsearch(parseServers(process.env));
  try {
    const found = Object.keys(await client.indices.get({ index: `${name}-metrics-*` }));
    if (found.length > 0) await client.indices.delete({ index: found });
    await client.indices.deleteIndexTemplate({ name: indexTemplate(name) }, { ignore: [404] });
  } finally {
    await client.close();
  }
}

/** Looks every 100 ms, or as long after a look as it took. @throws when it takes longer than `ms`, naming what was waited for. */
export async function until(what: string, ms: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + ms;
  for (let looked = Date.now(); !(await isSo()); looked = Date.now()) {
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s for ${what}`);
    await sleep(Math.max(100, Date.now() - looked));
  }
}
