import type { ClientBase } from 'pg';
import type { Change } from '../../../domain/figure.js';
import type { Grain } from '../../../domain/names.js';

/** A place in the order in which figures are sent: everything up to it, inclusive, has an answer. */
export interface Cursor {
  readonly version: string;
  /** Hex. */
  readonly figureId: string;
}

/**
 * A URL may have 100 KB and more: a page ends at so many bytes of URLs, too, and has at least one figure. The
 * sizes are read from the rows' heads, so nothing is read that does not come along.
 */
const PAGE_BYTES = 4 * 1024 * 1024;

/** What a document is made of; 64-bit integers as text, so that no digit is lost. */
export const CHANGE_COLUMNS = `
  encode(m.figure_id, 'hex') AS id, m.version::text AS version, m.deleted, m.grain,
  to_char(m.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS window_start,
  m.url, m.country,
  m.click_count::text AS click_count, m.bot_clicks::text AS bot_clicks,
  m.unique_users::text AS unique_users, m.unique_users_exact,
  m.timed_clicks::text AS timed_clicks, m.total_time_spent_ms::text AS total_time_spent_ms,
  m.avg_time_spent_ms, m.median_time_spent_ms, m.p90_time_spent_ms`;

export interface ChangeRow {
  readonly id: string;
  readonly version: string;
  readonly deleted: boolean;
  readonly grain: Grain;
  readonly window_start: string | null;
  readonly url: string;
  readonly country: string;
  readonly click_count: string;
  readonly bot_clicks: string;
  readonly unique_users: string;
  readonly unique_users_exact: boolean;
  readonly timed_clicks: string;
  readonly total_time_spent_ms: string;
  readonly avg_time_spent_ms: number | null;
  readonly median_time_spent_ms: number | null;
  readonly p90_time_spent_ms: number | null;
}

export function toChange(row: ChangeRow): Change {
  const { id, version } = row;
  if (row.deleted) return { id, version };
  return {
    id,
    version,
    document: {
      grain: row.grain,
      windowStart: row.window_start,
      url: row.url,
      country: row.country,
      clickCount: row.click_count,
      botClicks: row.bot_clicks,
      uniqueUsers: row.unique_users,
      uniqueUsersExact: row.unique_users_exact,
      timedClicks: row.timed_clicks,
      totalTimeSpentMs: row.total_time_spent_ms,
      avgTimeSpentMs: row.avg_time_spent_ms,
      medianTimeSpentMs: row.median_time_spent_ms,
      p90TimeSpentMs: row.p90_time_spent_ms,
      version,
    },
  };
}

/** The next figures and tombstones of a grain above the cursor, in the order of (version, figure_id). */
export async function readChanges(
  client: ClientBase,
  grain: Grain,
  after: Cursor,
  limit: number,
): Promise<Change[]> {
  const { rows } = await client.query<ChangeRow>(
    `SELECT ${CHANGE_COLUMNS}
     FROM (
       SELECT p.*, row_number() OVER w AS n, sum(octet_length(p.url)) OVER w AS bytes
       FROM (
         SELECT figure_id, version, deleted, grain, window_start, url, country, click_count, bot_clicks,
                unique_users, unique_users_exact, timed_clicks, total_time_spent_ms,
                avg_time_spent_ms, median_time_spent_ms, p90_time_spent_ms
         FROM click_metrics
         WHERE grain = $1 AND (version, figure_id) > ($2::bigint, decode($3, 'hex'))
         ORDER BY version, figure_id
         LIMIT $4
       ) p
       WINDOW w AS (ORDER BY p.version, p.figure_id)
     ) m
     WHERE m.n = 1 OR m.bytes <= $5
     ORDER BY m.version, m.figure_id`,
    [grain, after.version, after.figureId, limit, PAGE_BYTES],
  );
  return rows.map(toChange);
}
