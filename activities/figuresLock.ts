import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type pg from 'pg';
import {
  announceWait,
  beginWithFigureLock,
  figureLockHolders,
  figureWaiters,
  isZombieOf,
  terminateBackend,
  withdrawWait,
  type Isolation,
} from '../clients/postgres/aggregate/lock.js';
import { endSession, lookAtSession } from '../clients/postgres/aggregate/session.js';
import { applicationName } from '../domain/names.js';
import { shortHash } from './attempt.js';
import type { BaseDeps } from './deps.js';
import { heartbeatTimeoutMs } from './heartbeat.js';
import { KeptAlive } from './keptAlive.js';

const MAX_LOCK_SLICE_MS = 5_000;
/**
 * Who stands last in line is in PostgreSQL's own queue for moments only, so whoever waits there gets the lock first;
 * who got it all the same gives it back when another, just asking for it again, has announced that it waits.
 */
const LAST_IN_LINE = { sliceMs: 20, pauseMs: 300 };
const LOG_EVERY_MS = 5_000;

/** Who writes figures: names the connection, so that a later attempt of the same work can end an earlier one's. */
export interface Writer {
  readonly workflowId: string;
  readonly workflowRunId: string;
  readonly activityId: string;
  readonly work: string;
  readonly attempt: string;
  readonly application: string;
}

export function writerOf(name: string, stage: string): Writer {
  const { info } = Context.current();
  const workflowId = info.workflowExecution?.workflowId ?? '';
  const workflowRunId = info.workflowExecution?.runId ?? '';
  // The work is one activity of one run: another workflow that writes figures now is waited for, never ended.
  const work = shortHash(`${workflowRunId}/${info.activityId}`);
  const attempt = shortHash(`${workflowRunId}/${info.activityId}/${info.attempt}/${randomUUID()}`);
  return {
    workflowId,
    workflowRunId,
    activityId: info.activityId,
    work,
    attempt,
    application: applicationName(name, stage, work, attempt),
  };
}

export function keepAlive(
  { config, postgres }: BaseDeps,
  application: string,
  client: pg.PoolClient,
): KeptAlive {
  const context = Context.current();
  const patienceMs = heartbeatTimeoutMs();
  return new KeptAlive(client, {
    everyMs: patienceMs / 3,
    patienceMs,
    heartbeat: (details) => context.heartbeat(details),
    signal: context.cancellationSignal,
    look: () => lookAtSession(postgres, `${config.name}:look`, application, patienceMs / 3),
    end: () => endSession(postgres, application),
  });
}

export interface LockWait {
  readonly patienceMs?: number;
  readonly lastInLine?: boolean;
}

/**
 * Begins a transaction with the lock that every writer of figures holds, waiting for it and saying for whom; ends
 * earlier attempts of this work.
 * @param wait.patienceMs how long to wait; default: until it is free
 * @param wait.lastInLine all others that wait come first
 * @returns whom it waited for in vain; undefined: the lock is held and the transaction open
 */
export async function lockFigures(
  deps: BaseDeps,
  application: string,
  client: pg.PoolClient,
  alive: KeptAlive,
  isolation: Isolation,
  { patienceMs = Infinity, lastInLine = false }: LockWait = {},
): Promise<readonly string[] | undefined> {
  const heartbeatMs = heartbeatTimeoutMs();
  const slice = lastInLine ? LAST_IN_LINE.sliceMs : Math.min(MAX_LOCK_SLICE_MS, heartbeatMs / 3, patienceMs);
  const silentMs = 2 * heartbeatMs;
  const began = Date.now();
  let logged = -Infinity;
  if (!lastInLine) await alive.exclusive(() => announceWait(client));
  for (;;) {
    const names = await alive.exclusive(async () => {
      if (!(await beginWithFigureLock(client, slice, silentMs, isolation))) return undefined;
      if (!lastInLine) {
        await withdrawWait(client);
        return [];
      }
      const waiters = await figureWaiters(client, silentMs);
      if (waiters.length > 0) await client.query('ROLLBACK');
      return waiters;
    });
    if (names?.length === 0) return undefined;
    const waitingFor = names ?? (await holdersWithoutZombies(deps, application, client, alive));
    alive.say({ waitingFor });
    if (Date.now() - logged >= LOG_EVERY_MS) {
      deps.logger.info({ waitingFor }, 'waiting for another writer of figures');
      logged = Date.now();
    }
    if (Date.now() - began >= patienceMs) {
      if (!lastInLine) await alive.exclusive(() => withdrawWait(client));
      return waitingFor;
    }
    if (lastInLine) await pause(alive.signal);
  }
}

/** Who holds the lock, and for how long. Earlier attempts of this work are ended. */
async function holdersWithoutZombies(
  { logger }: BaseDeps,
  application: string,
  client: pg.PoolClient,
  alive: KeptAlive,
): Promise<readonly string[]> {
  const holders = await alive.exclusive(() => figureLockHolders(client));
  for (const holder of holders.filter((other) => isZombieOf(application, other))) {
    // One that was stopped itself would else end the attempt that took its place.
    alive.throwIfOver();
    logger.warn({ holder: holder.applicationName }, 'ending an earlier attempt that still holds the figures');
    await alive.exclusive(() => terminateBackend(client, holder.pid));
  }
  return holders.map((holder) => `${holder.applicationName} (${Math.round(holder.forMs / 1000)} s)`);
}

const pause = (signal: AbortSignal): Promise<void> =>
  sleep(LAST_IN_LINE.pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
