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
import type { RowRange } from './rowClaims.js';
import type { SpoolReader } from './spoolReader.js';

/** How the rows go in: `straight` but for the candidates, or all of them as `candidates`, which is always right. */
export type Way = 'straight' | 'candidates';

export interface TransactionContext extends RowsContext {
  readonly deps: IngestDeps;
  readonly reader: SpoolReader;
  readonly batch: BatchRef;
  readonly alive: AbortSignal;
}

/**
 * The statements of one batch, inside a transaction that the caller opens and commits. `surprised`: rows were refused,
 * or there were more duplicates than candidates.
 */
export async function persistInTransaction(
  context: TransactionContext,
  way: Way,
): Promise<{ readonly result: PersistBatchResult; readonly surprised: boolean }> {
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
    if (counts !== undefined)
      return { result: { outcome: 'persisted', counts, replayed: true }, surprised: false };
    const offsets = asPositions(await nextOffsets(client, sourceId));
    return { result: { outcome: 'fenced', offsets }, surprised: false };
  }

  const floor = await holdFloor(client);
  if (reader.batch.days.some((day) => isBelow(dayStartUs(day), floor)))
    throw new SpoolLost(`batch ${batchId} was read before retention dropped one of its days`);

  const { rows, rejected, records, filtered, filteredBy, candidates, minutes } = reader.batch;
  const all: readonly RowRange[] = rows === 0 ? [] : [[0, rows]];
  const straight = way === 'straight' ? without(candidates, rows) : [];
  await copyStraight(context, straight);
  if (candidates.length > 0 || way === 'candidates') await deps.claimOrder.turnOf(batchId, alive);
  const checked = await persistCandidates(context, way === 'straight' ? candidates : all);
  const accepted = checked.accepted + straight.reduce((n, [from, to]) => n + to - from, 0);

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
  const marked = way === 'straight' ? [...minutes, ...checked.minutes] : checked.minutes;
  if (marked.length > 0)
    await sql.markWindows(client, batchId, marked, deps.config.analyze.sessionTimeoutMs, floor);
  await sql.writeLedger(client, batch, counts, filteredBy);
  await sql.advanceOffsets(client, sourceId, ranges);
  await deps.failpoint('persistBatch:before-commit');
  const foreseen = candidates.reduce((n, [from, to]) => n + to - from, 0);
  return {
    result: { outcome: 'persisted', counts, replayed: false },
    surprised: checked.refused.length > 0 || rows - accepted > foreseen,
  };
}

/** The rows outside of ascending ranges. */
export function without(ranges: readonly RowRange[], rows: number): RowRange[] {
  const rest: RowRange[] = [];
  let at = 0;
  for (const [from, to] of ranges) {
    if (from > at) rest.push([at, from]);
    at = to;
  }
  if (rows > at) rest.push([at, rows]);
  return rest;
}
