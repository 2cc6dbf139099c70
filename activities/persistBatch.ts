import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type pg from 'pg';
import { dayStartUs, ensureDays } from '../clients/postgres/days.js';
import { isLockTimeout, isTransientConflict } from '../clients/postgres/errors.js';
import * as sql from '../clients/postgres/ingest.js';
import { asPositions, nextOffsets } from '../clients/postgres/offsets.js';
import { inTransaction, withClient } from '../clients/postgres/pool.js';
import { holdFloor, isBelow } from '../clients/postgres/retention/floor.js';
import { SpoolLost } from '../domain/errors.js';
import { isSuperseded } from '../clients/postgres/skip.js';
import { applicationName } from '../domain/names.js';
import type { BatchRef, Counts, PersistBatchInput, PersistBatchResult } from '../domain/stages.js';
import { REJECTED_COLUMNS } from './batchWriter.js';
import type { IngestDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { heartbeatTimeoutMs, underHeartbeat } from './heartbeat.js';
import { persistRows, stageRefused } from './persistRows.js';
import { SpoolReader } from './spoolReader.js';

/** Deadlocks and serialisation failures pass when the transaction is run again; lock time-outs after the rivals ended. */
const TRIES = 5;

/**
 * Puts a spooled batch into PostgreSQL in one transaction: rows, dead letters, window marks, ledger, offsets.
 * Answers `persisted` only by the ledger; `fenced` when an offset does not stand where the batch begins.
 * Errors: SpoolLost, ServerUnavailable, ServerRefused, SchemaMismatch.
 */
export function createPersistBatch(
  deps: IngestDeps,
): (input: PersistBatchInput) => Promise<PersistBatchResult> {
  return wrapActivity(async ({ batch }) => {
    const progress = { batch: batch.batchId, records: batch.records, step: 'ledger' };
    const result = await underHeartbeat(
      () => progress,
      () => persist(deps, batch, (step) => (progress.step = step)),
    );
    if (result.outcome === 'persisted') await deps.spool.remove(batch.batchId);
    return result;
  });
}

const short = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

async function persist(
  deps: IngestDeps,
  batch: BatchRef,
  step: (name: string) => void,
): Promise<PersistBatchResult> {
  const { postgres, logger } = deps;
  const context = Context.current();
  const { activityId, attempt, workflowExecution } = context.info;
  const run = short(`${workflowExecution?.runId ?? ''}/${activityId}/${attempt}/${process.pid}`);
  const work = short(`${batch.topic}/${batch.shard}`);
  const own = applicationName(postgres.name, 'persistBatch', work, run);
  const rivals = own.slice(0, own.lastIndexOf(':'));
  const known = await withClient(postgres, own, (client) => sql.ledgerCounts(client, batch.batchId));
  if (known !== undefined) return { outcome: 'persisted', counts: known, replayed: true };
  const reader = await SpoolReader.open(deps.spool, batch.batchId);
  for (let tries = 1; ; tries++) {
    try {
      const result = await withClient(postgres, own, (client) =>
        endedByCancellation(deps, client, context.cancellationSignal, async () => {
          step('days');
          await ensureDays(client, postgres.name, reader.batch.days);
          step('copy');
          return inTransaction(client, () => persistInTransaction(client, deps, batch, reader));
        }),
      );
      await deps.failpoint('persistBatch:after-commit');
      return result;
    } catch (e) {
      context.cancellationSignal.throwIfAborted();
      const cause = e instanceof Error && e.cause !== undefined ? e.cause : e;
      if (tries >= TRIES || !(isTransientConflict(cause) || isLockTimeout(cause))) throw e;
      if (isLockTimeout(cause)) {
        const ended = await withClient(postgres, own, (client) => sql.terminateRivals(client, rivals, own));
        logger.warn({ topic: batch.topic, shard: batch.shard, ended }, 'ended attempts that held the locks');
      } else await sleep(Math.random() * 100 * 2 ** tries);
    }
  }
}

/** A cancelled attempt does not go on in PostgreSQL: its session is ended from another connection. */
async function endedByCancellation<T>(
  { postgres, logger }: IngestDeps,
  client: pg.PoolClient,
  signal: AbortSignal,
  use: () => Promise<T>,
): Promise<T> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = rows[0]?.pid ?? 0;
  const end = (): void => {
    sql.terminateBackend(postgres.pool, pid).catch((e: unknown) => {
      logger.warn({ pid, err: String(e) }, 'the session of a cancelled attempt could not be ended');
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

async function persistInTransaction(
  client: pg.ClientBase,
  deps: IngestDeps,
  batch: BatchRef,
  reader: SpoolReader,
): Promise<PersistBatchResult> {
  const { batchId, sourceId, ranges, topic } = batch;
  const heartbeatMs = heartbeatTimeoutMs();
  await sql.limitWaits(client, heartbeatMs / 3, heartbeatMs * 2);
  const stands = await sql.lockOffsets(
    client,
    sourceId,
    ranges.map((r) => r.partition),
  );
  const at = new Map(stands.map((p) => [p.partition, p.offset]));
  const moved = ranges.some(({ partition, from }) => at.get(partition) !== from);
  if (moved || (await isSuperseded(client, sourceId))) {
    // Whoever held the lock before us may have persisted this very batch.
    const counts = await sql.ledgerCounts(client, batchId);
    if (counts !== undefined) return { outcome: 'persisted', counts, replayed: true };
    return { outcome: 'fenced', offsets: asPositions(await nextOffsets(client, sourceId)) };
  }
  const floor = await holdFloor(client);
  if (reader.batch.days.some((day) => isBelow(dayStartUs(day), floor)))
    throw new SpoolLost(`batch ${batchId} was read before retention dropped one of its days`);
  await sql.createStaging(client);
  const { rows, rejected, records, filtered, filteredBy } = reader.batch;
  const { accepted, refused } = await persistRows(client, deps, reader, { from: 0, to: rows });
  const columns = REJECTED_COLUMNS.map((c) => c.name);
  if (rejected > 0) await sql.copyStaged(client, 'rejected', columns, reader.rejected());
  await stageRefused(client, deps, topic, refused, Context.current().cancellationSignal);
  const deadLetters =
    rejected + refused.length === 0 ? 0 : await sql.acceptRejected(client, columns, sourceId, batchId);
  const counts: Counts = {
    records,
    persisted: accepted,
    duplicates: rows + rejected - accepted - deadLetters,
    deadLetters,
    filtered,
  };
  if (accepted > 0) await sql.markWindows(client, batchId, deps.config.analyze.sessionTimeoutMs, floor);
  await sql.writeLedger(client, batch, counts, filteredBy);
  await sql.advanceOffsets(client, sourceId, ranges);
  await deps.failpoint('persistBatch:before-commit');
  return { outcome: 'persisted', counts, replayed: false };
}
