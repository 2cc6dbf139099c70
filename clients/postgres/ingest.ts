/** The statements of persistBatch, one a function; all of them run inside its one transaction. */
import type pg from 'pg';
import type { Counts, OffsetRange, Position } from '../../domain/stages.js';
import { CopyIn } from './copyIn.js';
import { floorText, type Floor } from './retention/floor.js';
import { quoteList } from './sql.js';

type Client = pg.ClientBase;

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

/** For the session: a zombie neither waits for ever nor holds its locks idly. */
export async function limitWaits(client: Client, lockMs: number, idleMs: number): Promise<void> {
  await client.query(
    `SELECT set_config('lock_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $2, false)`,
    [`${Math.round(lockMs)}ms`, `${Math.round(idleMs)}ms`],
  );
}

const TURN_KEYS = `hashtext('clickstream turn ' || current_schema), hashtext($1)`;

/** Keeps the processes that ingest a topic from each other, until the transaction ends. */
export async function takeTurn(client: Client, topic: string): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(${TURN_KEYS})`, [topic]);
}

/** Whether another session has the turn; waits for nobody. */
export async function isTurnTaken(client: Client, topic: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(
    `SELECT CASE WHEN pg_try_advisory_lock_shared(${TURN_KEYS}) THEN NOT pg_advisory_unlock_shared(${TURN_KEYS})
                 ELSE true END AS taken`,
    [topic],
  );
  return rows[0]?.taken === true;
}

/** Before the connection goes back to the pool. */
export async function resetWaits(client: Client): Promise<void> {
  await client.query('RESET lock_timeout; RESET idle_in_transaction_session_timeout');
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

/** Ends the sessions of an attempt that is over, whatever they are doing. By its name: a pid may be another's by now. */
export async function terminateOwn(client: Pick<Client, 'query'>, own: string): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = $1 AND pid <> pg_backend_pid() AND datname = current_database()`,
    [own],
  );
}

/** Binary COPY; `table` is quoted. Of `rows` see CopyIn. */
export async function copyRows(
  client: Client,
  table: string,
  columns: readonly string[],
  rows: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const copy = new CopyIn(`COPY ${table} (${quoteList(columns)}) FROM STDIN (FORMAT binary)`, rows);
  await client.query(copy).done;
}

/**
 * Marks, for clicks in these minutes (since 1970), every hour from hour(t − session time-out) to hour(t) not below the
 * floor.
 */
export async function markWindows(
  client: Client,
  batchId: string,
  minutes: readonly number[],
  sessionTimeoutMs: number,
  floor: Floor,
): Promise<void> {
  await client.query(
    `INSERT INTO window_mark (window_start, batch_id)
     SELECT DISTINCT hour, $1 FROM unnest($2::int[]) AS m(n), to_timestamp(60::float8 * n) AS minute,
       LATERAL generate_series(
         date_trunc('hour', minute - $3::bigint * interval '1 millisecond', 'UTC'),
         date_trunc('hour', minute, 'UTC'), interval '1 hour') AS hour
     WHERE hour >= $4::timestamptz
     ORDER BY hour`,
    [batchId, minutes, sessionTimeoutMs, floorText(floor)],
  );
}

export async function writeLedger(
  client: Client,
  batch: {
    readonly batchId: string;
    /** Default `ingest`. */
    readonly kind?: 'ingest' | 'replay';
    readonly sourceId: number;
    /** Absent: of no shard, a replay's. */
    readonly shard?: number;
    readonly ranges: readonly OffsetRange[];
  },
  counts: Counts,
  filteredBy: Readonly<Record<string, number>>,
): Promise<void> {
  await client.query(
    `INSERT INTO batch
       (batch_id, kind, source_id, shard, ranges, records, persisted, duplicates, dead_letters, filtered, filtered_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      batch.batchId,
      batch.kind ?? 'ingest',
      batch.sourceId,
      batch.shard ?? null,
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

/**
 * Moves offsets that still, or again, stand where a batch of the ledger begins: its records are in the tables, so
 * offsets that somebody set back by hand would else be read from for ever.
 */
export async function passPersisted(
  client: Client,
  sourceId: number,
  ranges: readonly OffsetRange[],
): Promise<void> {
  await client.query(
    `UPDATE ingest_offset o SET next_offset = r.next, updated_at = now()
       FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS r(partition, first, next)
      WHERE o.source_id = $1 AND o.partition = r.partition AND o.next_offset = r.first`,
    [sourceId, ranges.map((r) => r.partition), ranges.map((r) => r.from), ranges.map((r) => r.to)],
  );
}
