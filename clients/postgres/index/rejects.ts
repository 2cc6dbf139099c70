import type { ClientBase } from 'pg';
import type { FigureRow, Rejected } from '../../../domain/figure.js';
import type { Grain } from '../../../domain/names.js';
import { copyFigures, literal } from './figures.js';
import { FIGURE_ROW_COLUMNS } from './figureRows.js';
import type { IndexKey } from './cursor.js';

/** Keeps what Elasticsearch refused, the latest answer for each figure. */
export async function keepRejects(
  client: ClientBase,
  index: string,
  rejected: readonly Rejected[],
): Promise<void> {
  if (rejected.length === 0) return;
  await client.query(
    `INSERT INTO index_reject (index_name, figure_id, version, status, reason)
     SELECT $1, decode(r.id, 'hex'), r.version::bigint, r.status, left(r.reason, 2000)
     FROM json_to_recordset($2::json) AS r(id text, version text, status integer, reason text)
     ON CONFLICT (index_name, figure_id) DO UPDATE SET
       version = excluded.version, status = excluded.status,
       reason = excluded.reason, rejected_at = clock_timestamp()`,
    [index, JSON.stringify(rejected)],
  );
}

/** A figure that the index has not got because Elasticsearch refused its document. */
export interface Refused {
  readonly index: string;
  /** The document's `_id`. */
  readonly id: string;
  readonly status: number;
  /** May quote the document. */
  readonly reason: string;
  readonly refused_at: string;
  readonly grain: Grain;
  readonly window_start: string | null;
  readonly url: string;
  readonly country: string;
}

/** What was refused last, at most `limit`; nothing of indices that are no more. */
export async function latestRejects(client: ClientBase, limit: number): Promise<Refused[]> {
  const { rows } = await client.query<Refused>(
    `SELECT r.index_name AS index, encode(r.figure_id, 'hex') AS id, r.status, r.reason,
       to_char(r.rejected_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS refused_at, m.grain,
       to_char(m.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS window_start, m.url, m.country
     FROM index_reject r JOIN index_cursor c USING (index_name) JOIN click_metrics m ON m.figure_id = r.figure_id
     ORDER BY r.rejected_at DESC, r.figure_id LIMIT $1`,
    [limit],
  );
  return rows;
}

/** The moment before which a reject belongs to an earlier run, by PostgreSQL's clock. */
export async function databaseTime(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now');
  return rows[0]?.now ?? 'now';
}

/** Figures that an index refused before `before`, as they are now; see `copyFigures`. */
export function readRejected(
  client: ClientBase,
  { grain, index }: Pick<IndexKey, 'grain' | 'index'>,
  before: string,
): AsyncGenerator<Iterable<FigureRow>> {
  return copyFigures(
    client,
    grain,
    `SELECT ${FIGURE_ROW_COLUMNS}
     FROM index_reject r JOIN click_metrics m USING (figure_id)
     WHERE r.index_name = ${literal(index)} AND r.rejected_at < ${literal(before)}::timestamptz
     ORDER BY r.figure_id`,
  );
}

/** Forgets the rejects of earlier runs: each was taken by now, or its figure is no more. */
export async function forgetRejects(client: ClientBase, index: string, before: string): Promise<number> {
  const { rowCount } = await client.query(
    'DELETE FROM index_reject WHERE index_name = $1 AND rejected_at < $2::timestamptz',
    [index, before],
  );
  return rowCount ?? 0;
}

/** Forgets all rejects of indices that are no more. */
export async function forgetRejectsOf(client: ClientBase, indices: readonly string[]): Promise<void> {
  await client.query('DELETE FROM index_reject WHERE index_name = ANY($1)', [indices]);
}
