import { setTimeout as sleep } from 'node:timers/promises';
import knexModule from 'knex';
import pg from 'pg';
import type { Config, Servers } from '../../domain/config/config.js';
import { SchemaMismatch } from '../../domain/errors.js';
import { MIGRATIONS } from '../../migrations/index.js';
import { mapPgError, sqlState } from './errors.js';
import { migrateView } from './clicksView.js';
import { checkFamilies, CLICKS_VIEW, migrateFamilies } from './families.js';
import { connectionConfig, withClient, type Postgres } from './pool.js';
import { quoteIdent } from './sql.js';
import { indexFormerDays } from './timeIndex.js';
import { makeVisitorKey } from './visitorKey.js';

export interface MigrateReport {
  /** What was done, in words; empty when everything was up to date. */
  readonly done: readonly string[];
}

/** Between two tries for the locks others go on: so long, somebody holds the tables for good. */
const PATIENCE_MS = 60_000;
/** knex's own tables, inside the installation's schema. */
const LEDGER = 'migration';
type Migration = (typeof MIGRATIONS)[number];
const source = {
  getMigrations: () => Promise.resolve([...MIGRATIONS]),
  getMigrationName: (m: Migration) => m.name,
  getMigration: (m: Migration) =>
    Promise.resolve({
      up: (knex: knexModule.Knex) => knex.raw(m.sql),
      down: () => Promise.reject(new Error('migrations go forward only')),
    }),
};

/** Makes the database that the URL (or PGDATABASE) names when the server lacks it. @returns whether it was made */
async function ensureDatabase(servers: Servers, name: string): Promise<boolean> {
  const config = connectionConfig(servers, name);
  const client = new pg.Client({ ...config, connectionTimeoutMillis: 10_000 });
  const wanted = client.database;
  try {
    await client.connect();
    return false;
  } catch (e) {
    if (sqlState(e) !== '3D000' || wanted === undefined) throw mapPgError(e);
  } finally {
    await client.end().catch(() => undefined);
  }
  const url = config.connectionString;
  const maintenance =
    url === undefined
      ? { ...config, database: 'postgres' }
      : { connectionString: url.replace(/^([a-z]+:\/\/[^/?]*)(\/[^?]*)?/, '$1/postgres') };
  const admin = new pg.Client(maintenance);
  try {
    await admin.connect();
    await admin.query(`CREATE DATABASE ${quoteIdent(wanted)}`);
    return true;
  } catch (e) {
    if (sqlState(e) === '42P04') return false; // somebody else was quicker
    throw mapPgError(e);
  } finally {
    await admin.end().catch(() => undefined);
  }
}

/**
 * Brings the installation's schema up to date: the fixed tables by knex, forward only; the family tables and the
 * view from the configuration; the visitor key. Two at once wait for each other. Running it again does nothing.
 * Ingestion may go on meanwhile: the tables are locked for moments only.
 * @param patienceMs how long to try for such a moment
 * @throws ConfigurationError (a column's type), ServerUnavailable, ServerRefused, SchemaMismatch (the tables are newer)
 */
export async function migrate(
  postgres: Postgres,
  servers: Servers,
  config: Config,
  patienceMs = PATIENCE_MS,
): Promise<MigrateReport> {
  const { name } = config;
  const done: string[] = [];
  if (await ensureDatabase(servers, name)) done.push('database made');
  await withClient(postgres, `${name}:migrate`, async (client) => {
    await lockMigrate(client, name);
    try {
      const schema = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [name]);
      if (schema.rowCount === 0) {
        await client.query(`CREATE SCHEMA ${quoteIdent(name)}`);
        done.push(`schema ${name} made`);
      }
      done.push(...(await runKnex(servers, name)));
      done.push(...(await migrateFamilies(client, config, patienceMs)));
      if (await migrateView(client, config, patienceMs)) done.push(`view ${CLICKS_VIEW} made`);
      await makeVisitorKey(client);
      done.push(...(await indexFormerDays(client, patienceMs)));
    } finally {
      await client.query('SELECT pg_advisory_unlock_all()').catch(() => undefined);
    }
  });
  return { done };
}

/** A statement that waits for the lock would be waited for by an index that is made CONCURRENTLY under it. */
async function lockMigrate(client: pg.ClientBase, name: string): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>(
      'SELECT pg_try_advisory_lock(hashtext($1)) AS locked',
      [`clickstream migrate ${name}`],
    );
    if (rows[0]?.locked === true) return;
    await sleep(200);
  }
}

async function runKnex(servers: Servers, name: string): Promise<readonly string[]> {
  const knex = knexModule({
    client: 'pg',
    connection: {
      ...connectionConfig(servers, name),
      application_name: `${name}:migrate`,
    } as knexModule.Knex.PgConnectionConfig,
    pool: { min: 0, max: 2 },
    migrations: { migrationSource: source, schemaName: name, tableName: LEDGER },
    log: {
      warn: () => undefined,
      error: () => undefined,
      deprecate: () => undefined,
      debug: () => undefined,
    },
  });
  try {
    // The advisory lock is ours, so a lock of knex that is still held belongs to a process that was killed.
    await knex.migrate.forceFreeMigrationsLock();
    const [, names] = (await knex.migrate.latest()) as [number, string[]];
    return names.map((migration) => `migration ${migration} applied`);
  } catch (e) {
    if (e instanceof Error && /migration directory is corrupt/.test(e.message)) throw newerTables(e.message);
    throw mapPgError(e);
  } finally {
    await knex.destroy();
  }
}

const newerTables = (what: string): SchemaMismatch =>
  new SchemaMismatch(`the tables are newer than this clickstream: upgrade clickstream (${what})`);

/**
 * Compares the tables with this code and this configuration, without changing anything.
 * @throws SchemaMismatch, saying which of the two to upgrade
 */
export async function checkSchema(postgres: Postgres, config: Config): Promise<void> {
  await withClient(postgres, `${config.name}:checkSchema`, async (client) => {
    const table = await client.query('SELECT to_regclass($1) AS found', [
      `${quoteIdent(config.name)}.${quoteIdent(LEDGER)}`,
    ]);
    if ((table.rows[0] as { found: string | null }).found === null)
      throw new SchemaMismatch(`PostgreSQL has no tables of ${config.name} yet: run \`clickstream migrate\``);
    const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${quoteIdent(LEDGER)}`);
    const applied = new Set(rows.map((row) => row.name));
    const missing = MIGRATIONS.filter((m) => !applied.has(m.name)).map((m) => m.name);
    if (missing.length > 0)
      throw new SchemaMismatch(
        `the tables of ${config.name} are older than this clickstream (${missing.join(', ')} missing): run \`clickstream migrate\``,
      );
    const unknown = [...applied].filter((applied) => !MIGRATIONS.some((m) => m.name === applied));
    if (unknown.length > 0) throw newerTables(`unknown: ${unknown.join(', ')}`);
    await checkFamilies(client, config);
  });
}
