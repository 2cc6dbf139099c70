/** The statements of persistBatch, one a function; all of them run inside its one transaction. */
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { FAMILIES, type Family } from '../../domain/names.js';
import type { Counts, OffsetRange, Position } from '../../domain/stages.js';
import { floorText, type Floor } from './retention/floor.js';
import { quoteIdent } from './sql.js';

type Client = pg.ClientBase;

const staged = (family: Family): string => quoteIdent(`staged_${family}`);
const list = (columns: readonly string[], table = ''): string =>
  columns.map((c) => `${table}${quoteIdent(c)}`).join(', ');

/** The stored counts of a batch; undefined: it was never persisted. */
export async function ledgerCounts(
  client: Pick<Client, 'query'>,
  batchId: string,
): Promise<Counts | undefined> {
  const { rows } = await client.query<Record<keyof Counts, string>>(
    `SELECT records, persisted, duplicates, dead_letters AS "deadLetters", filtered
       FROM batch WHERE batch_id = $1`,
    [batchId],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    records: Number(row.records),
    persisted: Number(row.persisted),
    duplicates: Number(row.duplicates),
    deadLetters: Number(row.deadLetters),
    filtered: Number(row.filtered),
  };
}

/** A zombie neither waits for ever nor holds its locks idly. */
export async function limitWaits(client: Client, lockMs: number, idleMs: number): Promise<void> {
  await client.query(
    `SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`,
    [`${Math.round(lockMs)}ms`, `${Math.round(idleMs)}ms`],
  );
}

/** Locks the partitions' offsets in partition order. */
export async function lockOffsets(
  client: Client,
  sourceId: number,
  partitions: readonly number[],
): Promise<readonly Position[]> {
  const { rows } = await client.query<{ partition: number; next_offset: string }>(
    `SELECT partition, next_offset FROM ingest_offset
      WHERE source_id = $1 AND partition = ANY ($2) ORDER BY partition FOR UPDATE`,
    [sourceId, partitions],
  );
  return rows.map((row) => ({ partition: row.partition, offset: row.next_offset }));
}

/** Ends sessions of other attempts at the same work that are inside a transaction. @returns how many */
export async function terminateRivals(
  client: Pick<Client, 'query'>,
  work: string,
  own: string,
): Promise<number> {
  const { rowCount } = await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE starts_with(application_name, $1) AND application_name <> $2
        AND xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()`,
    [`${work}:`, own],
  );
  return rowCount ?? 0;
}

/** Ends a session whose attempt was cancelled, whatever it is doing. */
export async function terminateBackend(client: Pick<Client, 'query'>, pid: number): Promise<void> {
  await client.query('SELECT pg_terminate_backend($1)', [pid]);
}

/** Temporary tables for one batch's rows, gone with the transaction. */
export async function createStaging(client: Client): Promise<void> {
  const tables = FAMILIES.map(
    (family) => `CREATE TEMPORARY TABLE ${staged(family)} (LIKE ${quoteIdent(family)}) ON COMMIT DROP`,
  );
  await client.query(
    [
      ...tables,
      'CREATE TEMPORARY TABLE staged_rejected (LIKE dead_letter) ON COMMIT DROP',
      'ALTER TABLE staged_rejected ALTER dead_letter_id DROP NOT NULL, ALTER source_id DROP NOT NULL, ' +
        'ALTER batch_id DROP NOT NULL, ALTER rejected_at DROP NOT NULL',
      'CREATE TEMPORARY TABLE accepted (click_id bigint NOT NULL, event_time timestamptz NOT NULL) ON COMMIT DROP',
    ].join(';'),
  );
}

/** Binary COPY into a temporary table. */
export async function copyStaged(
  client: Client,
  table: Family | 'rejected',
  columns: readonly string[],
  rows: Readable,
): Promise<void> {
  const stream = client.query(
    copyFrom(`COPY ${quoteIdent(`staged_${table}`)} (${list(columns)}) FROM STDIN (FORMAT binary)`),
  );
  await pipeline(rows, stream);
}

/**
 * Takes the staged clicks whose id is new, in one order for all batches (two batches with the same ids then wait
 * for each other instead of deadlocking); of several with one id, the lowest click_id.
 * @returns how many
 */
export async function acceptClicks(client: Client, columns: readonly string[]): Promise<number> {
  const { rowCount } = await client.query(
    `WITH inserted AS (
       INSERT INTO click_data (${list(columns)})
       SELECT ${list(columns)} FROM staged_click_data ORDER BY event_id, click_id
       ON CONFLICT DO NOTHING
       RETURNING click_id, event_time)
     INSERT INTO accepted SELECT click_id, event_time FROM inserted`,
  );
  return rowCount ?? 0;
}

/** The other families' rows of the clicks that were accepted from what is staged now. */
export async function acceptFamily(
  client: Client,
  family: Family,
  columns: readonly string[],
): Promise<void> {
  await client.query(
    `INSERT INTO ${quoteIdent(family)} (${list(columns)})
     SELECT ${list(columns, 's.')} FROM ${staged(family)} s JOIN accepted USING (click_id)`,
  );
}

/** Empties the staged rows between two halves. */
export async function clearStaging(client: Client): Promise<void> {
  await client.query(`TRUNCATE ${FAMILIES.map(staged).join(', ')}`);
}

/** @returns how many of the staged rejected records are new */
export async function acceptRejected(
  client: Client,
  columns: readonly string[],
  sourceId: number,
  batchId: string,
): Promise<number> {
  const { rowCount } = await client.query(
    `INSERT INTO dead_letter (source_id, batch_id, ${list(columns)})
     SELECT $1, $2, ${list(columns)} FROM staged_rejected ORDER BY event_id, partition, record_offset
     ON CONFLICT DO NOTHING`,
    [sourceId, batchId],
  );
  return rowCount ?? 0;
}

/** Marks, for each accepted click, every hour from hour(t − session time-out) to hour(t) that is not below the floor. */
export async function markWindows(
  client: Client,
  batchId: string,
  sessionTimeoutMs: number,
  floor: Floor,
): Promise<void> {
  await client.query(
    `INSERT INTO window_mark (window_start, batch_id)
     SELECT DISTINCT hour, $1 FROM (SELECT DISTINCT date_trunc('minute', event_time, 'UTC') AS minute FROM accepted) m,
       LATERAL generate_series(
         date_trunc('hour', minute - $2::bigint * interval '1 millisecond', 'UTC'),
         date_trunc('hour', minute, 'UTC'), interval '1 hour') AS hour
     WHERE hour >= $3::timestamptz
     ORDER BY hour`,
    [batchId, sessionTimeoutMs, floorText(floor)],
  );
}

export async function writeLedger(
  client: Client,
  batch: {
    readonly batchId: string;
    readonly sourceId: number;
    readonly shard: number;
    readonly ranges: readonly OffsetRange[];
  },
  counts: Counts,
  filteredBy: Readonly<Record<string, number>>,
): Promise<void> {
  await client.query(
    `INSERT INTO batch
       (batch_id, source_id, shard, ranges, records, persisted, duplicates, dead_letters, filtered, filtered_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      batch.batchId,
      batch.sourceId,
      batch.shard,
      JSON.stringify(batch.ranges),
      counts.records,
      counts.persisted,
      counts.duplicates,
      counts.deadLetters,
      counts.filtered,
      JSON.stringify(filteredBy),
    ],
  );
}

export async function advanceOffsets(
  client: Client,
  sourceId: number,
  ranges: readonly OffsetRange[],
): Promise<void> {
  await client.query(
    `UPDATE ingest_offset o SET next_offset = r.next, updated_at = now()
       FROM unnest($2::int[], $3::bigint[]) AS r(partition, next)
      WHERE o.source_id = $1 AND o.partition = r.partition`,
    [sourceId, ranges.map((r) => r.partition), ranges.map((r) => r.to)],
  );
}
