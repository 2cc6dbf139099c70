/** What every contestant is given, and the tables that each gets fresh. */
import type pg from 'pg';
import { ensureDays, type Day } from '../../clients/postgres/days.js';
import { migrate } from '../../clients/postgres/migrate.js';
import { openPostgres, withClient, type Postgres } from '../../clients/postgres/pool.js';
import { quoteIdent } from '../../clients/postgres/sql.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import { commandOf, cpuOfFamily, parentOf } from './processTimes.js';

export interface Bench {
  readonly servers: Servers;
  /** What the servers' addresses are read from, for processes that contestants start. */
  readonly env: NodeJS.ProcessEnv;
  /** Large files; deleted by the caller. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
}

/** What one contestant did in one round. */
export interface Run {
  readonly events: number;
  readonly seconds: number;
  /** µs of CPU per event; undefined where /proc does not tell. */
  readonly nodeUs: number | undefined;
  readonly postgresUs: number | undefined;
}
export const rate = ({ events, seconds }: Run): number => events / seconds;

/** Lends fresh tables of one configuration and drops them afterwards. */
export async function withTables<T>(
  { servers }: Pick<Bench, 'servers'>,
  config: Config,
  use: (postgres: Postgres) => Promise<T>,
): Promise<T> {
  const postgres = openPostgres(servers, config.name);
  try {
    await migrate(postgres, servers, config);
    return await use(postgres);
  } finally {
    await postgres.pool.query(`DROP SCHEMA IF EXISTS ${quoteIdent(config.name)} CASCADE`);
    await postgres.close();
  }
}

export const makeDays = (postgres: Postgres, days: readonly Day[]): Promise<void> =>
  withClient(postgres, `${postgres.name}:bench`, (client: pg.ClientBase) =>
    ensureDays(client, postgres.name, days),
  );

export async function emptyFamilies({ pool, name }: Postgres): Promise<void> {
  const tables = FAMILIES.map((family) => `${quoteIdent(name)}.${quoteIdent(family)}`);
  await pool.query(`TRUNCATE ${tables.join(', ')}`);
}

export interface Measured {
  readonly seconds: number;
  readonly postgresUs: number | undefined;
}

/** Times `work` after a checkpoint, so that nobody pays for the writes of the contestant before. */
export async function measure(postgres: Postgres, work: () => Promise<void>): Promise<Measured> {
  const { pool } = postgres;
  await pool.query('CHECKPOINT');
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const backend = rows[0]?.pid ?? 0;
  // A server in a container or on another host has no process here.
  const postmaster = commandOf(backend)?.startsWith('postgres') ? parentOf(backend) : undefined;
  const cpu = (): number | undefined => (postmaster === undefined ? undefined : cpuOfFamily(postmaster));
  const before = cpu();
  const begun = performance.now();
  await work();
  const seconds = (performance.now() - begun) / 1000;
  const after = cpu();
  return {
    seconds,
    postgresUs: before === undefined || after === undefined ? undefined : after - before,
  };
}

export const perEvent = (us: number | undefined, events: number): number | undefined =>
  us === undefined ? undefined : us / events;

/** @throws when a family does not hold exactly `rows` */
export async function checkRows(postgres: Postgres, rows: number): Promise<void> {
  for (const family of FAMILIES) {
    const found = await countOf(postgres, family);
    if (found !== rows) throw new Error(`${postgres.name}.${family}: expected ${rows} rows, got ${found}`);
  }
}

async function countOf({ pool, name }: Postgres, family: Family): Promise<number> {
  const { rows } = await pool.query<{ n: string }>(
    `SELECT count(*) AS n FROM ${quoteIdent(name)}.${quoteIdent(family)}`,
  );
  return Number(rows[0]?.n);
}
