import type pg from 'pg';
import { isLockTimeout } from '../errors.js';

/** Who else holds the figures' lock. */
export interface LockHolder {
  readonly pid: number;
  readonly applicationName: string;
  /** How long its transaction has been open, ms. */
  readonly forMs: number;
}

/** REPEATABLE READ: one moment for all; READ COMMITTED: each statement sees what was committed before it. */
export type Isolation = 'REPEATABLE READ' | 'READ COMMITTED';

/**
 * Begins the run's transaction with the lock on all figures. LOCK TABLE takes no snapshot, so what was committed
 * while waiting for it is seen; an advisory lock taken by a SELECT would come too late.
 * @returns false when `lockMs` passed without getting it; the transaction is then rolled back
 */
export async function beginWithFigureLock(
  client: pg.ClientBase,
  lockMs: number,
  idleMs: number,
  isolation: Isolation,
): Promise<boolean> {
  await client.query(`SET lock_timeout = ${Math.round(lockMs)}`);
  // A process that was stopped keeps its locks; PostgreSQL ends its transaction when it stays silent for so long.
  await client.query(`SET idle_in_transaction_session_timeout = ${Math.round(idleMs)}`);
  await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
  try {
    await client.query('LOCK TABLE aggregate_run IN EXCLUSIVE MODE');
    // How long this lock may take says nothing of those that the run's statements need.
    await client.query(`SET lock_timeout = ${Math.round(idleMs / 4)}`);
    return true;
  } catch (e) {
    if (!isLockTimeout(e)) throw e;
    await client.query('ROLLBACK');
    return false;
  }
}

/** Of the installation, for `announceWait`. */
const WAIT_KEY = "hashtext('clickstream figures wait'), hashtext(current_schema())";

/**
 * Tells `figureWaiters` that this session waits for the lock, also while it asks for it again and so is not in
 * PostgreSQL's own queue; until `withdrawWait`, or the session's end.
 */
export async function announceWait(client: pg.ClientBase): Promise<void> {
  await client.query(`SELECT pg_advisory_lock_shared(${WAIT_KEY})`);
}

export async function withdrawWait(client: pg.ClientBase): Promise<void> {
  await client.query(`SELECT pg_advisory_unlock_shared(${WAIT_KEY})`);
}

/**
 * The application_names of those who have announced that they wait.
 * @param silentMs who has said nothing for so long was stopped, and nobody waits for it
 */
export async function figureWaiters(client: pg.ClientBase, silentMs: number): Promise<readonly string[]> {
  const { rows } = await client.query<{ application_name: string }>(
    `SELECT a.application_name
     FROM (SELECT ${WAIT_KEY}) AS k (class, object)
     JOIN pg_locks l ON l.classid = k.class::oid AND l.objid = k.object::oid JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND a.pid <> pg_backend_pid()
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (a.state = 'active' OR a.state_change > clock_timestamp() - $1 * interval '1 ms')`,
    [silentMs],
  );
  return rows.map((row) => row.application_name);
}

/** After the transaction: the connection goes back to the pool as it came. */
export async function resetWaits(client: pg.ClientBase): Promise<void> {
  await client.query('RESET lock_timeout; RESET idle_in_transaction_session_timeout');
}

export async function figureLockHolders(client: pg.ClientBase): Promise<LockHolder[]> {
  const { rows } = await client.query<{ pid: number; application_name: string; for_ms: number }>(
    `SELECT a.pid, a.application_name,
            (extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start)) * 1000)::float8 AS for_ms
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'relation' AND l.relation = 'aggregate_run'::regclass AND l.granted
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.mode IN ('ExclusiveLock', 'AccessExclusiveLock', 'RowExclusiveLock', 'ShareRowExclusiveLock',
                      'ShareLock', 'ShareUpdateExclusiveLock', 'RowShareLock')
       AND a.pid <> pg_backend_pid()`,
  );
  return rows.map((row) => ({ pid: row.pid, applicationName: row.application_name, forMs: row.for_ms }));
}

/** `<name>:<stage>:<work>` of `<name>:<stage>:<work>:<attempt>`. */
const work = (applicationName: string): string => applicationName.split(':').slice(0, 3).join(':');

/** An earlier attempt of the very same work, whose process was stopped or cut off: nobody waits for it any more. */
export const isZombieOf = (own: string, holder: LockHolder): boolean =>
  holder.applicationName !== own &&
  work(holder.applicationName) === work(own) &&
  own.split(':').length === 4 &&
  holder.applicationName.split(':').length === 4;

export async function terminateBackend(client: pg.ClientBase, pid: number): Promise<void> {
  await client.query('SELECT pg_terminate_backend($1)', [pid]);
}

/**
 * Cancels the queries that Spark still runs in PostgreSQL under names that begin so.
 * @returns how many; those of a role that is not ours are an error (42501)
 */
export async function cancelQueriesOf(
  client: { query: pg.ClientBase['query'] },
  application: string,
): Promise<number> {
  // Of sessions of other roles the state is not shown.
  const { rowCount } = await client.query(
    `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
     WHERE starts_with(application_name, $1) AND datname = current_database() AND coalesce(state, 'active') = 'active'`,
    [application],
  );
  return rowCount ?? 0;
}
