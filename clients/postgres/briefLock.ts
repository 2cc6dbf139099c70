/**
 * Strong locks on tables that others work with. Whoever comes while we wait for one waits behind us, so we wait
 * briefly, step back, and try again later.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { ServerUnavailable } from '../../domain/errors.js';
import { isLockTimeout, sqlState } from './errors.js';
import { inTransaction } from './pool.js';

type Client = Pick<pg.ClientBase, 'query'>;

/** Others wait behind us for no longer than this, ms. */
export const BRIEF_MS = 1_000;

/**
 * Takes ACCESS EXCLUSIVE locks in one statement, within `BRIEF_MS` altogether; the transaction is open. Each lock
 * that later statements of it need is waited for as briefly.
 * @param tables as LOCK TABLE lists them, quoted; leaves come with their parent unless it is `ONLY`
 * @returns false: others hold them, and the transaction is of no more use
 */
export async function lockBriefly(client: Client, tables: readonly string[]): Promise<boolean> {
  // lock_timeout bounds each of the locks, statement_timeout their sum.
  await client.query(`SET LOCAL lock_timeout = ${BRIEF_MS}; SET LOCAL statement_timeout = ${BRIEF_MS}`);
  try {
    if (tables.length > 0) await client.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`);
  } catch (e) {
    if (isHeld(e)) return false;
    throw e;
  }
  await client.query('SET LOCAL statement_timeout TO DEFAULT');
  return true;
}

const isHeld = (e: unknown): boolean => isLockTimeout(e) || sqlState(e) === '57014';

class Held extends Error {}

/**
 * Runs a transaction that begins with `lockBriefly`, again and again until all of its locks were free.
 * @throws ServerUnavailable after `patienceMs`, naming who works with the tables; nothing is changed then
 */
export async function withBriefLock<T>(
  client: pg.ClientBase,
  tables: readonly string[],
  patienceMs: number,
  use: () => Promise<T>,
): Promise<T> {
  for (const end = Date.now() + patienceMs; ;) {
    try {
      return await inTransaction(client, async () => {
        if (!(await lockBriefly(client, tables))) throw new Held();
        return use();
      });
    } catch (e) {
      if (!(e instanceof Held || isHeld(e))) throw e;
    }
    if (Date.now() > end)
      throw new ServerUnavailable(
        'PostgreSQL',
        `the tables are in use without a pause (by ${(await sessions(client)).join(', ')}): nothing was changed ` +
          `in ${Math.round(patienceMs / 1000)} s; end those sessions, or try again later`,
      );
    await sleep(BRIEF_MS);
  }
}

/** Who is inside a transaction now, longest first. */
async function sessions(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ said: string }>(
    `SELECT format('%s, pid %s', nullif(application_name, ''), pid) AS said FROM pg_stat_activity
      WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
      ORDER BY xact_start LIMIT 5`,
  );
  return rows.map((row) => row.said);
}
