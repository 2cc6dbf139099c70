import { dayStartUs } from '../clients/postgres/days.js';
import * as sql from '../clients/postgres/ingest.js';
import { asPositions, nextOffsets } from '../clients/postgres/offsets.js';
import { holdFloor, isBelow } from '../clients/postgres/retention/floor.js';
import { isSuperseded } from '../clients/postgres/skip.js';
import {
  acceptRejected,
  ensureRejectedStaging,
  REJECTED_COLUMNS,
  stagedTable,
} from '../clients/postgres/staging.js';
import { SpoolLost } from '../domain/errors.js';
import type { BatchRef, Counts, PersistBatchResult } from '../domain/stages.js';
import type { IngestDeps } from './deps.js';
import { copyStraight, persistCandidates, type RowsContext } from './persistRows.js';
import { stageRefused } from './refusedRows.js';
import { rowsIn } from './rowClaims.js';
import { rowWays, type Way } from './rowWays.js';
import type { SpoolReader } from './spoolReader.js';

export interface TransactionContext extends RowsContext {
  readonly deps: IngestDeps;
  readonly reader: SpoolReader;
  readonly batch: BatchRef;
  readonly alive: AbortSignal;
  /** An `oldestWriter` from before; undefined: everything is old. */
  readonly since: string | undefined;
}

/**
 * What speaks against a straight COPY of the next batch: rows were `refused`, or were duplicates that the claim filter
 * did not know; `overlap`: of rows that were written since `since`.
 */
export type Surprise = 'refused' | 'duplicates' | 'overlap';

export interface Persisted {
  readonly result: PersistBatchResult;
  readonly surprise?: Surprise | undefined;
}

/** The statements of one batch, inside a transaction that the caller opens and commits. */
export async function persistInTransaction(context: TransactionContext, way: Way): Promise<Persisted> {
  const { client, deps, batch, reader, moved, alive } = context;
  const { batchId, sourceId, ranges, topic } = batch;
  const partitions = ranges.map((r) => r.partition);
  alive.throwIfAborted();
  const stands = await sql.lockOffsets(client, sourceId, partitions);
  const at = new Map(stands.map((p) => [p.partition, p.offset]));
  const elsewhere = ranges.some(({ partition, from }) => at.get(partition) !== from);
  if (elsewhere || (await isSuperseded(client, sourceId))) {
    // Whoever held the lock before us may have persisted this very batch.
    const counts = await sql.ledgerCounts(client, batchId);
    if (counts !== undefined) return { result: { outcome: 'persisted', counts, replayed: true } };
    const offsets = asPositions(await nextOffsets(client, sourceId));
    return { result: { outcome: 'fenced', offsets } };
  }

  const floor = await holdFloor(client);
  if (reader.batch.days.some((day) => isBelow(dayStartUs(day), floor)))
    throw new SpoolLost(`batch ${batchId} was read before retention dropped one of its days`);

  const { rows, rejected, records, filtered, filteredBy } = reader.batch;
  const { straight, candidates, minutes, unknown, recent } = await rowWays(context, way);
  if (way === 'probed') await deps.failpoint('persistBatch:after-probe');
  await copyStraight(context, straight);
  if (candidates.length > 0) await deps.claimOrder.turnOf(batchId, alive);
  const checked = await persistCandidates(context, candidates);
  const accepted = checked.accepted + rowsIn(straight);

  let deadLetters = 0;
  if (rejected + checked.refused.length > 0) {
    const columns = REJECTED_COLUMNS.map((c) => c.name);
    await ensureRejectedStaging(client);
    if (rejected > 0) await sql.copyRows(client, stagedTable('rejected'), columns, reader.rejected());
    await stageRefused(client, deps, topic, checked.refused, alive);
    deadLetters = await acceptRejected(client, sourceId, batchId);
  }
  const counts: Counts = {
    records,
    persisted: accepted,
    duplicates: rows + rejected - accepted - deadLetters,
    deadLetters,
    filtered,
  };
  moved(0);
  const marked = [...minutes, ...checked.minutes];
  if (marked.length > 0)
    await sql.markWindows(client, batchId, marked, deps.config.analyze.sessionTimeoutMs, floor);
  await sql.writeLedger(client, batch, counts, filteredBy);
  await sql.advanceOffsets(client, sourceId, ranges);
  await deps.failpoint('persistBatch:before-commit');
  const duplicates = unknown > 0 || rows - accepted > rowsIn(reader.batch.candidates);
  return {
    result: { outcome: 'persisted', counts, replayed: false },
    surprise:
      checked.refused.length > 0 ? 'refused' : recent > 0 ? 'overlap' : duplicates ? 'duplicates' : undefined,
  };
}
