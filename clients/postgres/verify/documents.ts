import type pg from 'pg';
import type { Grain } from '../../../domain/names.js';

export async function createDocumentTable(client: pg.ClientBase): Promise<void> {
  await client.query(
    `CREATE TEMPORARY TABLE verify_document (
       figure_id bytea, grain text, window_start timestamptz, url text, country text, click_count bigint,
       bot_clicks bigint, unique_users bigint, unique_users_exact boolean, timed_clicks bigint,
       total_time_spent_ms bigint, avg_time_spent_ms double precision, median_time_spent_ms double precision,
       p90_time_spent_ms double precision, version bigint) ON COMMIT DROP`,
  );
}

/** Puts a page of the index's documents beside the figures, to be compared by `compareDocuments`. */
export async function keepDocuments(client: pg.ClientBase, documents: readonly object[]): Promise<void> {
  await client.query(
    `INSERT INTO verify_document
     SELECT figure_id(d.grain, d.window_start, d.url, d.country), d.* FROM json_to_recordset($1::json) AS d (
       grain text, window_start timestamptz, url text, country text, click_count bigint, bot_clicks bigint,
       unique_users bigint, unique_users_exact boolean, timed_clicks bigint, total_time_spent_ms bigint,
       avg_time_spent_ms double precision, median_time_spent_ms double precision,
       p90_time_spent_ms double precision, version bigint)`,
    [JSON.stringify(documents)],
  );
}

/** Clicks in the documents of a grain that `keepDocuments` kept. */
export async function documentClicks(client: pg.ClientBase, grain: Grain): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    'SELECT coalesce(sum(click_count), 0) AS n FROM verify_document WHERE grain = $1',
    [grain],
  );
  return Number(rows[0]?.n ?? 0);
}

/** Figures above the cursor of the grain's index: sent by the next run. */
export async function figuresNotSent(client: pg.ClientBase, grain: Grain): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    `SELECT count(*) AS n FROM click_metrics m
     WHERE m.grain = $1 AND NOT EXISTS (
       SELECT FROM index_cursor c
       WHERE c.grain = $1 AND (m.version, m.figure_id) <= (c.version, c.figure_id))
     AND (NOT m.deleted OR EXISTS (SELECT FROM index_cursor c WHERE c.grain = $1))`,
    [grain],
  );
  return Number(rows[0]?.n ?? 0);
}
