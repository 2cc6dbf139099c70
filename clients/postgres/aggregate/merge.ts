import type pg from 'pg';
import type { TouchedKeys } from './cleanParts.js';
import { FIGURES } from './copyFigures.js';
import { keyHashOf } from './source.js';

const sameFigures = `(${FIGURES.map((name) => `o.${name}`).join(', ')})
           IS NOT DISTINCT FROM (${FIGURES.map((name) => `f.${name}`).join(', ')})`;

/** After each answer of Spark's: without it the planner would take the table for ten pages. */
export async function analyzeFigures(client: pg.ClientBase): Promise<void> {
  await client.query('ANALYZE fresh_figures');
}

/**
 * Hashes (`keyHashOf`) of the keys whose figures above the hour may be others now: their hours' figures are not those
 * that are stored, or are stored and no longer there. What is made of the same parts is the same.
 * @param onlyChanged false: all keys of the hours, as if nothing were stored
 * @param most        more of them are not told apart
 */
export async function touchedKeys(
  client: pg.ClientBase,
  hours: readonly number[],
  { onlyChanged, most }: { readonly onlyChanged: boolean; readonly most: number },
): Promise<TouchedKeys> {
  const changed = `WHERE NOT EXISTS (
         SELECT FROM click_metrics o WHERE o.figure_id = f.figure_id AND ${sameFigures})`;
  const { rows } = await client.query<{ hash: string }>(
    `SELECT ${keyHashOf('f')} AS hash FROM fresh_figures f ${onlyChanged ? changed : ''}
     UNION
     SELECT ${keyHashOf('m')} FROM click_metrics m
     WHERE m.grain = 'hour' AND NOT m.deleted AND m.window_start = ANY($1::timestamptz[])
       AND NOT EXISTS (SELECT FROM fresh_figures f WHERE f.figure_id = m.figure_id)
     LIMIT $2`,
    [hours.map((hour) => new Date(hour).toISOString()), most + 1],
  );
  return rows.length > most ? 'all' : rows.map(({ hash }) => hash);
}

export async function countFigures(client: pg.ClientBase): Promise<{ figures: number; clicks: number }> {
  const { rows } = await client.query<{ figures: string; clicks: string }>(
    `SELECT count(*) AS figures, coalesce(sum(click_count) FILTER (WHERE grain = 'hour'), 0) AS clicks
     FROM fresh_figures`,
  );
  return { figures: Number(rows[0]?.figures ?? 0), clicks: Number(rows[0]?.clicks ?? 0) };
}

/**
 * Inserts new figures, replaces changed ones and revives tombstones, all under `version`. A row whose figures are
 * the same, sketch included, is not written and keeps its version. In the order of the ids, so that the two largest
 * indexes of `click_metrics` grow from one end to the other instead of everywhere at once. Returns how many were written.
 *
 * @param stored false when there are no figures yet: then nothing is compared or looked for. The planner takes a table
 *   that was analysed while empty for one row and would scan it once per fresh figure, while it grows.
 */
export async function mergeFigures(client: pg.ClientBase, version: string, stored: boolean): Promise<number> {
  const list = FIGURES.join(', ');
  const onlyChanged = `WHERE NOT EXISTS (
       SELECT FROM click_metrics o WHERE o.figure_id = f.figure_id AND ${sameFigures})`;
  const replace = `ON CONFLICT (figure_id) DO UPDATE SET
       ${FIGURES.map((name) => `${name} = excluded.${name}`).join(', ')},
       version = excluded.version, deleted = false`;
  const { rowCount } = await client.query(
    `INSERT INTO click_metrics AS m (figure_id, grain, window_start, url, country, ${list}, version, deleted)
     SELECT f.figure_id, f.grain, f.window_start, f.url, f.country, ${FIGURES.map((name) => `f.${name}`).join(', ')},
            $1::bigint, false
     FROM fresh_figures f
     ${stored ? onlyChanged : ''}
     ORDER BY f.figure_id
     ${stored ? replace : ''}`,
    [version],
  );
  return rowCount ?? 0;
}

/**
 * Buries the figures that lost their clicks: keys stored for the recomputed hours that have none there now, and of
 * their days, months and totals those that no part is left of. Returns how many.
 */
export async function buryVanished(
  client: pg.ClientBase,
  version: string,
  hours: readonly number[],
): Promise<number> {
  const { rowCount } = await client.query(
    `WITH vanished AS (
       SELECT m.window_start AS hour, m.url, m.country FROM click_metrics m
       WHERE m.grain = 'hour' AND NOT m.deleted AND m.window_start = ANY($2::timestamptz[])
         AND NOT EXISTS (SELECT FROM fresh_figures f WHERE f.figure_id = m.figure_id)
     ), suspects AS (
       SELECT DISTINCT figure_id(w.grain, w.window_start, v.url, v.country) AS figure_id
       FROM vanished v CROSS JOIN LATERAL (VALUES
         ('hour', v.hour), ('day', date_trunc('day', v.hour, 'UTC')),
         ('month', date_trunc('month', v.hour, 'UTC')), ('total', NULL)) w (grain, window_start)
     )
     UPDATE click_metrics m SET
       click_count = 0, bot_clicks = 0, unique_users = 0, unique_users_exact = true, users_sketch = NULL,
       timed_clicks = 0, total_time_spent_ms = 0, avg_time_spent_ms = NULL, median_time_spent_ms = NULL,
       p90_time_spent_ms = NULL, version = $1::bigint, deleted = true
     FROM suspects s
     WHERE m.figure_id = s.figure_id AND NOT m.deleted
       AND NOT EXISTS (SELECT FROM fresh_figures f WHERE f.figure_id = m.figure_id)`,
    [version, hours.map((hour) => new Date(hour).toISOString())],
  );
  return rowCount ?? 0;
}
