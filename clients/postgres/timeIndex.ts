/**
 * The index on event_time, for runs of an hour, which else read its whole day. Events arrive about in the order of
 * their time, so bounds of some pages each are enough; VACUUM adds them for rows that came since.
 */
import type pg from 'pg';
import { ServerUnavailable } from '../../domain/errors.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import { withBriefLock } from './briefLock.js';
import { isLockTimeout, sqlState } from './errors.js';
import { quoteIdent } from './sql.js';

const TIME_INDEX = 'USING brin (event_time) WITH (pages_per_range = 32)';

/** Nobody waits behind us meanwhile. */
const CONCURRENTLY_MS = 10 * 60_000;

/** For a family that has no days yet: they get it with LIKE. */
export async function createTimeIndex(client: pg.ClientBase, family: Family): Promise<void> {
  await client.query(`CREATE INDEX ON ${quoteIdent(family)} ${TIME_INDEX}`);
}

/**
 * Makes the index for families and days from before there was one, the newest days first. Ingestion goes on: the
 * family's own is empty and made in a moment, a day's beside its writers. What was interrupted is gone on with.
 * @returns what was done, in words
 * @throws ServerUnavailable: others hold the tables without a pause
 */
export async function indexFormerDays(client: pg.ClientBase, patienceMs: number): Promise<readonly string[]> {
  const done: string[] = [];
  for (const family of FAMILIES) {
    const made = await ensureOfFamily(client, family, patienceMs);
    const index = await timeIndexOf(client, family);
    let days = 0;
    if (index?.valid === false)
      for (const leaf of await daysWithout(client, family, index.name))
        if (await indexDay(client, leaf, index.name, patienceMs)) days += 1;
    if (made || days > 0) done.push(`index on ${family}.event_time made, for ${days} days that were there`);
  }
  return done;
}

interface TimeIndex {
  readonly name: string;
  /** Of a partitioned table: whether each of its days has it. */
  readonly valid: boolean;
}

/** @param table of the installation's schema */
async function timeIndexOf(client: pg.ClientBase, table: string): Promise<TimeIndex | undefined> {
  const { rows } = await client.query<TimeIndex>(
    `SELECT c.relname AS name, i.indisvalid AS valid
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = to_regclass(format('%I.%I', current_schema(), $1::text))
       AND m.amname = 'brin' AND i.indnatts = 1 AND a.attname = 'event_time' AND i.indpred IS NULL
     ORDER BY i.indisvalid DESC LIMIT 1`,
    [table],
  );
  return rows[0];
}

async function ensureOfFamily(client: pg.ClientBase, family: Family, patienceMs: number): Promise<boolean> {
  if ((await timeIndexOf(client, family)) !== undefined) return false;
  // Days that are made from now on get it.
  await withBriefLock(client, [], patienceMs, () =>
    client.query(`CREATE INDEX ON ONLY ${quoteIdent(family)} ${TIME_INDEX}`),
  );
  return true;
}

/** Those whose index is not, or not yet, a part of the family's; the newest first. */
async function daysWithout(client: pg.ClientBase, family: Family, index: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ leaf: string }>(
    `SELECT c.relname AS leaf FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
     WHERE h.inhparent = to_regclass(format('%I.%I', current_schema(), $1::text))
       AND NOT EXISTS (
         SELECT FROM pg_inherits p JOIN pg_index i ON i.indexrelid = p.inhrelid
         WHERE p.inhparent = to_regclass(format('%I.%I', current_schema(), $2::text)) AND i.indrelid = c.oid)
     ORDER BY c.relname DESC`,
    [family, index],
  );
  return rows.map(({ leaf }) => leaf);
}

/** @returns false: retention has dropped the day meanwhile */
async function indexDay(
  client: pg.ClientBase,
  leaf: string,
  ofFamily: string,
  patienceMs: number,
): Promise<boolean> {
  try {
    const found = await timeIndexOf(client, leaf);
    // Left behind by a process that was killed in the midst of it.
    if (found?.valid === false)
      await concurrently(client, `DROP INDEX CONCURRENTLY ${quoteIdent(found.name)}`);
    if (found?.valid !== true)
      await concurrently(client, `CREATE INDEX CONCURRENTLY ON ${quoteIdent(leaf)} ${TIME_INDEX}`);
    const index = await timeIndexOf(client, leaf);
    if (index === undefined) return false;
    await withBriefLock(client, [], patienceMs, () =>
      client.query(`ALTER INDEX ${quoteIdent(ofFamily)} ATTACH PARTITION ${quoteIdent(index.name)}`),
    );
    return true;
  } catch (e) {
    if (['42P01', '42704'].includes(sqlState(e) ?? '')) return false;
    throw e;
  }
}

/** Waits for the transactions that are open now, and keeps no one waiting but other changes of that table. */
async function concurrently(client: pg.ClientBase, statement: string): Promise<void> {
  await client.query(`SET lock_timeout = ${CONCURRENTLY_MS}`);
  try {
    await client.query(statement);
  } catch (e) {
    if (!isLockTimeout(e)) throw e;
    throw new ServerUnavailable(
      'PostgreSQL',
      `a transaction has been open for ${CONCURRENTLY_MS / 60_000} min, which the index on event_time must wait for: ` +
        'end it, then run `clickstream migrate` again, which goes on where it stopped; workers run without the index',
      { cause: e },
    );
  } finally {
    await client.query('RESET lock_timeout').catch(() => undefined);
  }
}
