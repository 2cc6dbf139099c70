import type pg from 'pg';
import type { Cursor } from '../index/figures.js';
import type { Grain } from '../../../domain/names.js';

const COLUMNS = `figure_id text, grain text, window_start timestamptz, url text, country text, click_count bigint,
  bot_clicks bigint, unique_users bigint, unique_users_exact boolean, timed_clicks bigint,
  total_time_spent_ms bigint, avg_time_spent_ms double precision, median_time_spent_ms double precision,
  p90_time_spent_ms double precision, version bigint`;

/** For the rest of the session, or until `dropDocumentTable`. */
export async function createDocumentTable(client: pg.ClientBase): Promise<void> {
  await client.query(
    `CREATE TEMPORARY TABLE verify_document (of_grain text, ${COLUMNS.replace('figure_id text', 'figure_id bytea')})`,
  );
}

export async function dropDocumentTable(client: pg.ClientBase): Promise<void> {
  await client.query('DROP TABLE pg_temp.verify_document');
}

/** Puts a page of a grain's documents beside the figures, to be compared by `compareDocuments`. */
export async function keepDocuments(
  client: pg.ClientBase,
  grain: Grain,
  documents: readonly object[],
): Promise<void> {
  await client.query(
    `INSERT INTO verify_document
     SELECT $1, decode(d.figure_id, 'hex'), d.grain, d.window_start, d.url, d.country, d.click_count, d.bot_clicks,
       d.unique_users, d.unique_users_exact, d.timed_clicks, d.total_time_spent_ms, d.avg_time_spent_ms,
       d.median_time_spent_ms, d.p90_time_spent_ms, d.version
     FROM json_to_recordset($2::json) AS d (${COLUMNS})`,
    [grain, JSON.stringify(documents)],
  );
}

/** So that the comparison is planned for as many documents as there are. */
export async function analyzeDocuments(client: pg.ClientBase): Promise<void> {
  await client.query('ANALYZE verify_document');
}

/** Clicks in the documents of a grain that `keepDocuments` kept. */
export async function documentClicks(client: pg.ClientBase, grain: Grain): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    'SELECT coalesce(sum(click_count), 0) AS n FROM verify_document WHERE of_grain = $1',
    [grain],
  );
  return Number(rows[0]?.n ?? 0);
}

/**
 * Figures that the next run sends.
 * @param sent up to here; absent: nothing was, and tombstones need not be
 */
export async function figuresNotSent(
  client: pg.ClientBase,
  grain: Grain,
  sent: Cursor | undefined,
): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    `SELECT count(*) AS n FROM click_metrics m
     WHERE m.grain = $1 AND CASE WHEN $2::bigint IS NULL THEN NOT m.deleted
       ELSE (m.version, m.figure_id) > ($2, decode($3, 'hex')) END`,
    [grain, sent?.version ?? null, sent?.figureId ?? null],
  );
  return Number(rows[0]?.n ?? 0);
}
