import type pg from 'pg';
import type { Config } from '../../../domain/config/config.js';
import { FROZEN } from '../retention/frozen.js';
import { followedClicks } from './followed.js';

/** Above the hour, users are counted exactly up to what a sketch keeps. */
const EXACT_USERS = 4096;

const GRAIN_WINDOWS = [
  ['hour', "date_trunc('hour', at, 'UTC')"],
  ['day', "date_trunc('day', at, 'UTC')"],
  ['month', "date_trunc('month', at, 'UTC')"],
  ['total', 'NULL::timestamptz'],
] as const;

/**
 * All figures from all rows, in PostgreSQL's SQL alone: window functions over whole sessions, users counted one by
 * one in every grain.
 * Where frozen hours take part, users lie between the most of any part (`unique_users`) and the sum (`users_at_most`).
 * Leaves the temporary table `verify_figure` for the rest of the transaction.
 */
export async function recomputeFigures(client: pg.ClientBase, config: Config): Promise<void> {
  await client.query(
    `CREATE TEMPORARY TABLE verify_click ON COMMIT DROP AS
     SELECT at, url, country, person, is_bot, spent FROM (${followedClicks(config)}) clicks`,
  );
  const perGrain = GRAIN_WINDOWS.map(([grain, start]) => {
    const percentile = (p: number): string =>
      grain === 'hour' ? `percentile_cont(${p}) WITHIN GROUP (ORDER BY spent)` : 'NULL::double precision';
    return `SELECT '${grain}'::text AS grain, ${start} AS window_start, url, country, count(*) AS click_count,
              count(*) FILTER (WHERE is_bot) AS bot_clicks, count(DISTINCT person) AS users,
              count(spent) AS timed_clicks, coalesce(sum(spent), 0)::bigint AS total_time_spent_ms,
              ${percentile(0.5)} AS median_time_spent_ms, ${percentile(0.9)} AS p90_time_spent_ms,
              false AS frozen
            FROM verify_click GROUP BY 2, url, country`;
  });
  // What was dropped is only in the hours' figures: these are taken as they are, and what is above is built on them.
  const frozen = GRAIN_WINDOWS.filter(([grain]) => grain !== 'hour').map(
    ([grain, start]) =>
      `SELECT '${grain}', ${start}, url, country, click_count, bot_clicks, unique_users, timed_clicks,
              total_time_spent_ms, NULL, NULL, true
       FROM (SELECT *, window_start AS at FROM click_metrics m WHERE ${FROZEN}) m`,
  );
  await client.query(
    `CREATE TEMPORARY TABLE verify_figure ON COMMIT DROP AS
     SELECT figure_id(grain, window_start, url, country) AS figure_id, grain, window_start, url, country,
            sum(click_count)::bigint AS click_count, sum(bot_clicks)::bigint AS bot_clicks,
            max(users) AS unique_users, sum(users)::bigint AS users_at_most, bool_or(frozen) AS frozen,
            grain = 'hour' OR sum(users) <= ${EXACT_USERS} AS unique_users_exact,
            sum(timed_clicks)::bigint AS timed_clicks, sum(total_time_spent_ms)::bigint AS total_time_spent_ms,
            sum(total_time_spent_ms)::double precision / nullif(sum(timed_clicks), 0)::double precision
              AS avg_time_spent_ms,
            max(median_time_spent_ms) AS median_time_spent_ms, max(p90_time_spent_ms) AS p90_time_spent_ms
     FROM (${[...perGrain, ...frozen].join(' UNION ALL ')}) parts
     GROUP BY grain, window_start, url, country`,
  );
  await client.query('CREATE INDEX ON verify_figure (figure_id); ANALYZE verify_figure');
}

/** Windows whose figures are not expected to be right yet, since marks wait: `verify_waiting`. */
export async function noteWaiting(client: pg.ClientBase): Promise<{ marks: number; hours: number }> {
  await client.query(
    `CREATE TEMPORARY TABLE verify_waiting ON COMMIT DROP AS
     WITH hours AS (SELECT DISTINCT date_trunc('hour', window_start, 'UTC') AS at FROM window_mark)
     ${GRAIN_WINDOWS.map(([grain, start]) => `SELECT '${grain}'::text AS grain, ${start} AS window_start FROM hours`).join(' UNION ')}`,
  );
  const { rows } = await client.query<{ marks: string; hours: string }>(
    `SELECT (SELECT count(*) FROM window_mark) AS marks,
            (SELECT count(*) FROM verify_waiting WHERE grain = 'hour') AS hours`,
  );
  return { marks: Number(rows[0]?.marks ?? 0), hours: Number(rows[0]?.hours ?? 0) };
}
