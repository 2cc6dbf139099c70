import type pg from 'pg';
import { dayOf, ensureDays } from '../clients/postgres/days.js';
import { ledgerCounts, markWindows, writeLedger } from '../clients/postgres/ingest.js';
import { clickIdOf } from '../clients/postgres/offsets.js';
import { inTransaction } from '../clients/postgres/pool.js';
import {
  deleteDeadLetters,
  firstDeadRecords,
  lockDeadLetters,
  sourcesFrom,
  type DeadRecord,
} from '../clients/postgres/replay.js';
import { BEFORE_RETENTION, holdFloor, isBelow, type Floor } from '../clients/postgres/retention/floor.js';
import type { Row } from '../domain/event/decoder.js';
import {
  NO_COUNTS,
  type Counts,
  type OffsetRange,
  type ReplayPage,
  type ReplaySelection,
} from '../domain/stages.js';
import type { IngestDeps } from './deps.js';
import { persistCandidates } from './persistRows.js';
import { RowsInMemory } from './rowsInMemory.js';

export interface PageContext {
  readonly client: pg.ClientBase;
  readonly deps: IngestDeps;
  readonly selection: ReplaySelection;
  readonly page: ReplayPage;
  /** Told of every step that PostgreSQL has made. */
  readonly moved: () => void;
}

/** A dead letter that passes the decoder now; without `row` it is filtered, for this reason. */
interface Passed {
  readonly letter: DeadRecord;
  readonly clickId: bigint;
  readonly row?: Row;
  readonly reason?: string;
}

/**
 * Moves the dead letters of a page that pass now, in one transaction; all others stay untouched. Done before, by
 * this or another attempt: the ledger's counts.
 */
export async function replayPage(context: PageContext): Promise<Counts> {
  const { client, deps, page, moved } = context;
  const before = await ledgerCounts(client, page.batchId);
  if (before !== undefined) return before;
  const passed = await decodePage(context);
  const days = new Set(passed.flatMap(({ row }) => (row === undefined ? [] : [dayOf(row.eventTimeUs)])));
  moved();
  await ensureDays(client, deps.postgres.name, [...days]);
  moved();
  return inTransaction(client, () => moveLetters(context, passed));
}

async function decodePage({ client, deps, selection, page }: PageContext): Promise<readonly Passed[]> {
  const { sourceId, letters } = page;
  const [source] = await sourcesFrom(client, sourceId);
  if (source?.sourceId !== sourceId) return [];
  const all = await firstDeadRecords(client, page, selection, { letters, bytes: Number.MAX_SAFE_INTEGER });
  return all.flatMap((letter): Passed[] => {
    const decoded = deps.decoder(letter, source);
    if (decoded.kind === 'rejected') return [];
    const clickId = clickIdOf(sourceId, letter.partition, letter.offset);
    return [
      decoded.kind === 'row'
        ? { letter, clickId, row: decoded.row }
        : { letter, clickId, reason: decoded.reason },
    ];
  });
}

async function moveLetters(context: PageContext, passed: readonly Passed[]): Promise<Counts> {
  const { client, deps, page, moved } = context;
  // Before the letters, as retention has it, which holds the floor while it removes letters.
  const floor = await holdFloor(client);
  const there = await lockDeadLetters(
    client,
    passed.map(({ letter }) => letter.id),
  );
  // Another replay may have moved them while we waited for its locks.
  const before = await ledgerCounts(client, page.batchId);
  if (before !== undefined) return before;
  moved();

  const ours = passed.filter(({ letter }) => there.has(letter.id)).map((one) => aboveFloor(one, floor));
  const rows = ours.flatMap(({ clickId, row }) => (row === undefined ? [] : [{ clickId, row }]));
  const reader = new RowsInMemory(deps.config, rows);
  const { accepted, minutes, refused } = await persistCandidates(
    { client, deps, reader, moved },
    rows.length === 0 ? [] : [[0, rows.length]],
  );
  const refusedIds = new Set(refused.map((row) => row.clickId));
  const leaving = ours.filter(({ clickId }) => !refusedIds.has(clickId));
  if (leaving.length === 0) return NO_COUNTS;

  const filtered = leaving.filter(({ row }) => row === undefined);
  const counts: Counts = {
    records: 0,
    persisted: accepted,
    duplicates: rows.length - refused.length - accepted,
    deadLetters: -leaving.length,
    filtered: filtered.length,
  };
  const { batchId, sourceId } = page;
  const letters = leaving.map(({ letter }) => letter);
  if (minutes.length > 0)
    await markWindows(client, batchId, minutes, deps.config.analyze.sessionTimeoutMs, floor);
  const batch = { batchId, kind: 'replay' as const, sourceId, ranges: spans(letters) };
  await writeLedger(client, batch, counts, tally(filtered.map(({ reason = '' }) => reason)));
  // Last: whoever inserts a dead letter of the same event waits from here on, and we wait for nobody any more.
  await deleteDeadLetters(
    client,
    letters.map(({ id }) => id),
  );
  await deps.failpoint('replayDeadLetters:before-commit');
  return counts;
}

const aboveFloor = (one: Passed, floor: Floor): Passed =>
  one.row !== undefined && isBelow(one.row.eventTimeUs, floor)
    ? { letter: one.letter, clickId: one.clickId, reason: BEFORE_RETENTION }
    : one;

/** Per partition from the first to the last: where in the log to look, not what was moved. */
function spans(letters: readonly DeadRecord[]): OffsetRange[] {
  const found = new Map<number, { from: bigint; to: bigint }>();
  for (const { partition, offset } of letters) {
    const span = found.get(partition);
    found.set(partition, {
      from: span !== undefined && span.from < offset ? span.from : offset,
      to: span !== undefined && span.to > offset ? span.to : offset + 1n,
    });
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([partition, { from, to }]) => ({ partition, from: from.toString(), to: to.toString() }));
}

function tally(reasons: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
