import { setTimeout as sleep } from 'node:timers/promises';
import { ensureDays } from '../clients/postgres/days.js';
import {
  isDataError,
  isDeadlock,
  isDuplicate,
  isLockTimeout,
  isTransientConflict,
  sqlState,
} from '../clients/postgres/errors.js';
import * as sql from '../clients/postgres/ingest.js';
import { inTransaction, withClient } from '../clients/postgres/pool.js';
import { oldestWriter } from '../clients/postgres/presentIds.js';
import type { BatchRef, PersistBatchInput, PersistBatchResult } from '../domain/stages.js';
import { attemptName, endRivals, withAttempt } from './attempt.js';
import { persistInTransaction, type Persisted } from './batchTransaction.js';
import type { IngestDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { underHeartbeat } from './heartbeat.js';
import { afterConflict, Lanes, withMany, withTurn, type Manner } from './lanes.js';
import { ProcessTurns } from './processTurns.js';
import type { Way } from './rowWays.js';
import { rowsIn } from './rowClaims.js';
import { ReadMemory, SpoolReader } from './spoolReader.js';

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
  const lanes = new Lanes();
  const memory = new ReadMemory();
  const turns = new ProcessTurns(deps);
  return wrapActivity(async ({ batch }) => {
    const progress = { batch: batch.batchId, records: batch.records, step: 'ledger', bytes: 0 };
    const result = await underHeartbeat(
      () => progress,
      (alive) => persist({ deps, lanes, memory, turns }, batch, progress, alive),
    ).finally(() => {
      deps.claimOrder.ended(batch.batchId);
    });
    if (result.outcome === 'fenced') return result;
    deps.groupOffsets.note(
      batch.topic,
      batch.ranges.map(({ partition, to }) => ({ partition, offset: to })),
    );
    await deps.spool.remove(batch.batchId);
    return deps.draining?.aborted === true ? { ...result, draining: true } : result;
  });
}

/** What lasts from one batch to the next. */
interface Lasting {
  readonly deps: IngestDeps;
  readonly lanes: Lanes;
  readonly memory: ReadMemory;
  readonly turns: ProcessTurns;
}

async function persist(
  lasting: Lasting,
  batch: BatchRef,
  progress: { step: string; bytes: number },
  alive: AbortSignal,
): Promise<PersistBatchResult> {
  const { deps, lanes, memory, turns } = lasting;
  const { postgres } = deps;
  const own = attemptName(postgres.name, 'persistBatch', `${batch.topic}/${batch.shard}`);
  let { manner } = lanes.of(batch);
  const known = await withClient(postgres, own, async (client) => {
    const counts = await sql.ledgerCounts(client, batch.batchId);
    if (counts !== undefined) await sql.passPersisted(client, batch.sourceId, batch.ranges);
    else if (await turns.areTaken(client, batch.topic)) manner = withTurn(manner);
    return counts;
  });
  if (known !== undefined) return { outcome: 'persisted', counts: known, replayed: true };
  const reader = await SpoolReader.open(deps.spool, batch.batchId, memory);
  const result = await persistSpooled(lasting, batch, reader, manner, own, progress, alive);
  // Of an attempt that was given up, something may still hold it.
  reader.close();
  return result;
}

async function persistSpooled(
  { deps, lanes, turns }: Lasting,
  batch: BatchRef,
  reader: SpoolReader,
  first: Manner,
  own: string,
  progress: { step: string; bytes: number },
  alive: AbortSignal,
): Promise<PersistBatchResult> {
  const { postgres, logger } = deps;
  const lane = lanes.of(batch);
  let moves = 0;
  const moved = (bytes: number): void => {
    moves++;
    progress.bytes += bytes;
  };
  const attempt = (way: Way): Promise<Persisted> =>
    withAttempt(
      deps,
      own,
      alive,
      () => moves,
      async (client) => {
        progress.step = 'days';
        await ensureDays(client, postgres.name, reader.batch.days, () => moved(0));
        progress.step = way;
        return inTransaction(client, async () => {
          const { since } = lane;
          lane.since = await oldestWriter(client);
          return persistInTransaction({ client, deps, batch, reader, moved, alive, since }, way);
        });
      },
    );
  const { rows, candidates } = reader.batch;
  let manner = withMany(first, rowsIn(candidates), rows);
  let conflicts = 0;
  for (let tries = 1; ; tries++) {
    const { way, turn } = manner;
    if (turn) progress.step = 'turn';
    try {
      const done = await (turn ? turns.during(batch, alive, () => attempt(way)) : attempt(way));
      await deps.failpoint('persistBatch:after-commit');
      logger.debug({ topic: batch.topic, shard: batch.shard, way, turn, conflicts }, 'a batch went in');
      if (way !== 'straight') lane.learn(manner, done.surprise);
      return done.result;
    } catch (e) {
      alive.throwIfAborted();
      const cause = e instanceof Error && e.cause !== undefined ? e.cause : e;
      if (way !== 'candidates' && (isDataError(cause) || isDeadlock(cause))) {
        logger.debug(
          { topic: batch.topic, shard: batch.shard, way, turn, sqlState: sqlState(cause) },
          'a straight COPY failed',
        );
        manner =
          isDuplicate(cause) || isDeadlock(cause) ? afterConflict(++conflicts) : { way: 'candidates', turn };
        continue;
      }
      if (tries >= TRIES || !(isTransientConflict(cause) || isLockTimeout(cause))) throw e;
      if (isLockTimeout(cause)) {
        const ended = await endRivals(deps, own);
        logger.warn({ topic: batch.topic, shard: batch.shard, ended }, 'ended attempts that held the locks');
      } else await sleep(Math.random() * 100 * 2 ** tries);
    }
  }
}
