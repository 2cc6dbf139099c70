import type { ClientBase } from 'pg';
import { TABLES, type Grain } from '../../../domain/names.js';
import type { Counts } from '../../../domain/stages.js';

/** Which of the tables of this version are not there yet. */
export async function missingTables(client: ClientBase, schema: string): Promise<string[]> {
  const wanted = [...Object.values(TABLES), 'click_data'];
  const { rows } = await client.query<{ name: string }>(
    `SELECT wanted.name FROM unnest($2::text[]) AS wanted(name)
     WHERE NOT EXISTS (
       SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = $1 AND c.relname = wanted.name)`,
    [schema, wanted],
  );
  return rows.map((row) => row.name);
}

/** Sessions that keep readers from tables of this schema, or wait to: `clickstream:migrate, pid 7`. */
export async function readTableLockers(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ said: string }>(
    `SELECT DISTINCT format('%s, pid %s', coalesce(nullif(a.application_name, ''), 'an unnamed session'), a.pid) AS said
     FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND c.relnamespace = current_schema()::regnamespace`,
  );
  return rows.map(({ said }) => said);
}

/** The account of everything, from the ledger. */
export async function readAccount(client: ClientBase): Promise<Counts & { readonly batches: number }> {
  const { rows } = await client.query<Record<keyof Counts | 'batches', string>>(
    `SELECT coalesce(sum(records), 0) AS records, coalesce(sum(persisted), 0) AS persisted,
       coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(dead_letters), 0) AS "deadLetters",
       coalesce(sum(filtered), 0) AS filtered, count(*) FILTER (WHERE kind <> 'skip') AS batches
     FROM batch`,
  );
  const [row] = rows;
  return {
    records: Number(row?.records ?? 0),
    persisted: Number(row?.persisted ?? 0),
    duplicates: Number(row?.duplicates ?? 0),
    deadLetters: Number(row?.deadLetters ?? 0),
    filtered: Number(row?.filtered ?? 0),
    batches: Number(row?.batches ?? 0),
  };
}

/** Filtered records per reason. */
export async function readFiltered(client: ClientBase): Promise<Readonly<Record<string, number>>> {
  const { rows } = await client.query<{ reason: string; n: string }>(
    `SELECT reason, sum(n::bigint) AS n FROM batch, jsonb_each_text(filtered_by) AS r (reason, n)
     GROUP BY reason ORDER BY reason`,
  );
  return Object.fromEntries(rows.map(({ reason, n }) => [reason, Number(n)]));
}

export interface StoredOffset {
  readonly topic: string;
  readonly incarnation: string;
  readonly partition: number;
  readonly nextOffset: bigint;
}

/** How far each partition of each topic's latest incarnation is persisted. */
export async function readOffsets(client: ClientBase): Promise<StoredOffset[]> {
  const { rows } = await client.query<Omit<StoredOffset, 'nextOffset'> & { next_offset: string }>(
    `SELECT s.topic, s.incarnation, o.partition, o.next_offset
     FROM (SELECT DISTINCT ON (topic) * FROM source ORDER BY topic, source_id DESC) s
     JOIN ingest_offset o USING (source_id)
     ORDER BY s.topic, o.partition`,
  );
  return rows.map(({ next_offset, ...row }) => ({ ...row, nextOffset: BigInt(next_offset) }));
}

/** Marks that wait for an aggregation, and the hours that they are for. */
export async function readMarks(client: ClientBase): Promise<{ marks: number; hours: number }> {
  const { rows } = await client.query<{ marks: string; hours: string }>(
    'SELECT count(*) AS marks, count(DISTINCT window_start) AS hours FROM window_mark',
  );
  return { marks: Number(rows[0]?.marks ?? 0), hours: Number(rows[0]?.hours ?? 0) };
}

/** Rows of click_data. */
export async function countClicks(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM click_data');
  return Number(rows[0]?.n ?? 0);
}

export interface Run {
  readonly run: string;
  readonly version: string;
  readonly hours: number;
  readonly clicks: number;
  readonly changed: number;
  readonly vanished: number;
  readonly finishedAt: string;
  readonly ms: number;
}

/** The latest aggregation runs, newest first. */
export async function readRuns(client: ClientBase, limit: number): Promise<Run[]> {
  const { rows } = await client.query<Record<keyof Run, string>>(
    `SELECT run_id AS run, version, hours, clicks, changed, vanished,
       to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "finishedAt",
       round(extract(epoch FROM finished_at - started_at) * 1000) AS ms
     FROM aggregate_run ORDER BY run_id DESC LIMIT $1`,
    [limit],
  );
  return rows.map(({ run, version, finishedAt, ...row }) => ({
    run,
    version,
    finishedAt,
    hours: Number(row.hours),
    clicks: Number(row.clicks),
    changed: Number(row.changed),
    vanished: Number(row.vanished),
    ms: Number(row.ms),
  }));
}

export interface IndexBacklog {
  readonly index: string;
  readonly grain: Grain;
  readonly uuid: string;
  readonly version: string;
  /** Figures and tombstones above the cursor. */
  readonly behind: number;
  readonly rejected: number;
}

/** Per physical index, what it has not got yet and what it refused. */
export async function readBacklogs(client: ClientBase): Promise<IndexBacklog[]> {
  const { rows } = await client.query<IndexBacklog & { behind: string; rejected: string }>(
    `SELECT c.index_name AS index, c.grain, c.uuid, c.version,
       (SELECT count(*) FROM click_metrics m
        WHERE m.grain = c.grain AND (m.version, m.figure_id) > (c.version, c.figure_id)) AS behind,
       (SELECT count(*) FROM index_reject r WHERE r.index_name = c.index_name) AS rejected
     FROM index_cursor c ORDER BY c.index_name`,
  );
  return rows.map((row) => ({ ...row, behind: Number(row.behind), rejected: Number(row.rejected) }));
}
