import type pg from 'pg';
import type { Config } from '../../../domain/config/config.js';
import { asText, botOf, countryOf, fromFamilies, ownTimeOf, urlOf } from '../aggregate/source.js';

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
 * one in every grain. It shares with the aggregation only where a role's column stands.
 * Leaves the temporary table `verify_figure` for the rest of the transaction.
 */
export async function recomputeFigures(client: pg.ClientBase, config: Config): Promise<void> {
  const { url, user, session, timeSpent, bot, country } = config.roles;
  const timeout = `interval '${Math.round(config.analyze.sessionTimeoutMs)} milliseconds'`;
  await client.query(
    `CREATE TEMPORARY TABLE verify_click ON COMMIT DROP AS
     SELECT at, url, country, person, is_bot,
            CASE WHEN own IS NOT NULL THEN own
                 WHEN visit IS NOT NULL AND next_at - at <= ${timeout}
                   THEN round(extract(epoch FROM next_at - at) * 1000)::bigint END AS spent
     FROM (SELECT *, lead(at) OVER (PARTITION BY visit ORDER BY at, event_id) AS next_at
           FROM (SELECT c.event_time AS at, c.event_id, ${urlOf(config)} AS url, ${countryOf(config)} AS country,
                        ${asText(user)} AS person, ${asText(session)} AS visit, ${botOf(config)} AS is_bot,
                        ${ownTimeOf(config)} AS own
                 FROM ${fromFamilies(config, [url, user, session, timeSpent, bot, country])}) clicks) followed`,
  );
  const perGrain = GRAIN_WINDOWS.map(([grain, start]) => {
    const percentile = (p: number): string =>
      grain === 'hour' ? `percentile_cont(${p}) WITHIN GROUP (ORDER BY spent)` : 'NULL::double precision';
    return `SELECT '${grain}'::text AS grain, ${start} AS window_start, url, country, count(*) AS click_count,
              count(*) FILTER (WHERE is_bot) AS bot_clicks, count(DISTINCT person) AS unique_users,
              count(spent) AS timed_clicks, coalesce(sum(spent), 0)::bigint AS total_time_spent_ms,
              avg(spent)::double precision AS avg_time_spent_ms,
              ${percentile(0.5)} AS median_time_spent_ms, ${percentile(0.9)} AS p90_time_spent_ms
            FROM verify_click GROUP BY 2, url, country`;
  });
  await client.query(
    `CREATE TEMPORARY TABLE verify_figure ON COMMIT DROP AS
     SELECT figure_id(grain, window_start, url, country) AS figure_id, f.*,
            grain = 'hour' OR unique_users <= ${EXACT_USERS} AS unique_users_exact FROM (${perGrain.join(' UNION ALL ')}) f`,
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
