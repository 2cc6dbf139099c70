/** One attempt of an activity that writes to PostgreSQL: known by name there, and gone from there when it is over. */
import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import type pg from 'pg';
import { limitWaits, resetWaits, terminateOwn, terminateRivals } from '../clients/postgres/ingest.js';
import { withClient } from '../clients/postgres/pool.js';
import { ServerUnavailable } from '../domain/errors.js';
import { applicationName } from '../domain/names.js';
import type { BaseDeps } from './deps.js';
import { heartbeatTimeoutMs } from './heartbeat.js';

type Deps = Pick<BaseDeps, 'postgres' | 'logger'>;

/** Heartbeats without a move of PostgreSQL after which an attempt is given up; a wait for a lock ends within one. */
const STUCK_AFTER = 6;

/** Enough to tell apart the few attempts that are under way at once. */
export const shortHash = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 8);

/** The application_name of this attempt; all attempts at the same work have its first three parts. */
export function attemptName(name: string, stage: string, work: string): string {
  const { activityId, attempt, workflowExecution } = Context.current().info;
  const run = shortHash(`${workflowExecution?.runId ?? ''}/${activityId}/${attempt}/${process.pid}`);
  return applicationName(name, stage, shortHash(work), run);
}

/**
 * Lends a connection to the attempt `own`, with bounded waits.
 * @param moves changes with every step that PostgreSQL has made
 * @throws ServerUnavailable when nothing moves for six heartbeats
 */
export function withAttempt<T>(
  deps: Deps,
  own: string,
  alive: AbortSignal,
  moves: () => unknown,
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const heartbeatMs = heartbeatTimeoutMs();
  return withClient(deps.postgres, own, (client) =>
    endedByAbort(deps, own, alive, () =>
      unlessStuck(moves, heartbeatMs * STUCK_AFTER, async () => {
        await limitWaits(client, heartbeatMs / 3, heartbeatMs * 2);
        const result = await use(client);
        await resetWaits(client);
        return result;
      }),
    ),
  );
}

/** Ends the transactions of other attempts at the work of `own`, which hold the locks. @returns how many */
export const endRivals = ({ postgres }: Deps, own: string): Promise<number> =>
  withClient(postgres, own, (client) => terminateRivals(client, own.slice(0, own.lastIndexOf(':')), own));

/** A cancelled attempt does not go on in PostgreSQL: its sessions are ended from another connection. */
async function endedByAbort<T>(
  { postgres, logger }: Deps,
  own: string,
  signal: AbortSignal,
  use: () => Promise<T>,
): Promise<T> {
  const end = (): void => {
    terminateOwn(postgres.pool, own).catch((e: unknown) => {
      logger.warn({ err: String(e) }, 'the session of an attempt that is over could not be ended');
    });
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await use();
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/**
 * Heartbeats tell that this process lives, not that PostgreSQL does: fails when `moves` stays the same for `ms`.
 * Whoever lent the connection then destroys it, and what still waits for it with it.
 */
async function unlessStuck<T>(moves: () => unknown, ms: number, use: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<never>((_, reject) => {
    let last = moves();
    let since = Date.now();
    timer = setInterval(() => {
      const now = moves();
      if (now !== last) {
        last = now;
        since = Date.now();
      } else if (Date.now() - since > ms) {
        reject(new ServerUnavailable('PostgreSQL', `PostgreSQL has not moved for ${ms} ms`));
      }
    }, ms / 4);
  });
  try {
    return await Promise.race([use(), stuck]);
  } finally {
    clearInterval(timer);
  }
}
