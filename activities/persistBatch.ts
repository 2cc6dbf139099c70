import { setTimeout as sleep } from 'node:timers/promises';
import { ensureDays } from '../clients/postgres/days.js';
import {
  isDataError,
  isDeadlock,
  isLockTimeout,
  isTransientConflict,
  sqlState,
} from '../clients/postgres/errors.js';
import * as sql from '../clients/postgres/ingest.js';
import { inTransaction, withClient } from '../clients/postgres/pool.js';
import type { BatchRef, PersistBatchInput, PersistBatchResult } from '../domain/stages.js';
import { attemptName, endRivals, withAttempt } from './attempt.js';
import { persistInTransaction, type Way } from './batchTransaction.js';
import type { IngestDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { underHeartbeat } from './heartbeat.js';
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
  const ways = new Ways();
  const memory = new ReadMemory();
  return wrapActivity(async ({ batch }) => {
    const progress = { batch: batch.batchId, records: batch.records, step: 'ledger', bytes: 0 };
    const result = await underHeartbeat(
      () => progress,
      (alive) => persist({ deps, ways, memory }, batch, progress, alive),
    ).finally(() => {
      deps.claimOrder.ended(batch.batchId);
    });
    if (result.outcome === 'persisted') {
      deps.groupOffsets.note(
        batch.topic,
        batch.ranges.map(({ partition, to }) => ({ partition, offset: to })),
      );
      await deps.spool.remove(batch.batchId);
    }
    return result;
  });
}

/**
 * Which way the next batch of a lane goes. After a duplicate that the claim filter did not know (another process wrote
 * it, or this one started since), or after a row that PostgreSQL refused, batches go down the candidates' path until
 * one of them shows neither: topics sent again must not cost a rolled back COPY per batch.
 */
class Ways {
  private readonly careful = new Set<string>();

  of({ topic, shard }: BatchRef): Way {
    return this.careful.has(`${topic}/${shard}`) ? 'candidates' : 'straight';
  }

  learn({ topic, shard }: BatchRef, surprised: boolean): void {
    if (surprised) this.careful.add(`${topic}/${shard}`);
    else this.careful.delete(`${topic}/${shard}`);
  }
}

/** What lasts from one batch to the next. */
interface Lasting {
  readonly deps: IngestDeps;
  readonly ways: Ways;
  readonly memory: ReadMemory;
}

async function persist(
  lasting: Lasting,
  batch: BatchRef,
  progress: { step: string; bytes: number },
  alive: AbortSignal,
): Promise<PersistBatchResult> {
  const { deps, memory } = lasting;
  const { postgres } = deps;
  const own = attemptName(postgres.name, 'persistBatch', `${batch.topic}/${batch.shard}`);
  const known = await withClient(postgres, own, async (client) => {
    const counts = await sql.ledgerCounts(client, batch.batchId);
    if (counts !== undefined) await sql.passPersisted(client, batch.sourceId, batch.ranges);
    return counts;
  });
  if (known !== undefined) return { outcome: 'persisted', counts: known, replayed: true };
  const reader = await SpoolReader.open(deps.spool, batch.batchId, memory);
  const result = await persistSpooled(lasting, batch, reader, own, progress, alive);
  // Of an attempt that was given up, something may still hold it.
  reader.close();
  return result;
}

async function persistSpooled(
  { deps, ways }: Lasting,
  batch: BatchRef,
  reader: SpoolReader,
  own: string,
  progress: { step: string; bytes: number },
  alive: AbortSignal,
): Promise<PersistBatchResult> {
  const { postgres, logger } = deps;
  let moves = 0;
  const moved = (bytes: number): void => {
    moves++;
    progress.bytes += bytes;
  };
  let way = ways.of(batch);
  for (let tries = 1; ; tries++) {
    try {
      const done = await withAttempt(
        deps,
        own,
        alive,
        () => moves,
        async (client) => {
          progress.step = 'days';
          await ensureDays(client, postgres.name, reader.batch.days, () => moved(0));
          progress.step = way;
          return inTransaction(client, () =>
            persistInTransaction({ client, deps, batch, reader, moved, alive }, way),
          );
        },
      );
      await deps.failpoint('persistBatch:after-commit');
      if (way === 'candidates') ways.learn(batch, done.surprised);
      return done.result;
    } catch (e) {
      alive.throwIfAborted();
      const cause = e instanceof Error && e.cause !== undefined ? e.cause : e;
      if (way === 'straight' && (isDataError(cause) || isDeadlock(cause))) {
        logger.debug(
          { topic: batch.topic, shard: batch.shard, sqlState: sqlState(cause) },
          'a straight COPY failed',
        );
        way = 'candidates';
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
