import type pg from 'pg';
import type { Document } from '../../../domain/figure.js';
import type { Grain } from '../../../domain/names.js';

/** Which figure. */
export interface FigureKey {
  readonly grain: Grain;
  /** ms since 1970; null for the total. */
  readonly start: number | null;
  readonly url: string;
  readonly country: string;
}

export interface FigureRun {
  readonly runId: string;
  /** ISO. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly workflowId: string | null;
  readonly workflowRunId: string | null;
}

/** What `click_metrics` keeps of a key, and how it came there. */
export interface KeptFigure {
  /** The document's `_id`. */
  readonly id: string;
  readonly version: string;
  /** Absent: the figure vanished under this version. */
  readonly document?: Document;
  /** Null: the ledger of runs has none of this version. */
  readonly run: FigureRun | null;
  /** The index that is searched has been sent this version. */
  readonly isSent: boolean;
  /** Why the index refused the document. */
  readonly refused: string | null;
}

export const windowText = (start: number | null): string | null =>
  start === null ? null : new Date(start).toISOString();

const ISO = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** What a document is made of; 64-bit integers as text, so that no digit is lost. */
const COLUMNS = `
  encode(m.figure_id, 'hex') AS id, m.version::text AS version, m.deleted, m.grain,
  to_char(m.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS window_start,
  m.url, m.country,
  m.click_count::text AS click_count, m.bot_clicks::text AS bot_clicks,
  m.unique_users::text AS unique_users, m.unique_users_exact,
  m.timed_clicks::text AS timed_clicks, m.total_time_spent_ms::text AS total_time_spent_ms,
  m.avg_time_spent_ms, m.median_time_spent_ms, m.p90_time_spent_ms`;

interface Row {
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
  readonly run_id: string | null;
  readonly workflow_id: string | null;
  readonly workflow_run_id: string | null;
  readonly started_at: string;
  readonly finished_at: string;
  readonly is_sent: boolean;
  readonly refused: string | null;
}

const documentOf = (row: Row): Document => ({
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
  version: row.version,
});

/** Undefined: there never was such a figure, or every index has forgotten it. */
export async function readFigure(client: pg.ClientBase, key: FigureKey): Promise<KeptFigure | undefined> {
  const { rows } = await client.query<Row>(
    `SELECT ${COLUMNS}, r.run_id, r.workflow_id, r.workflow_run_id,
            ${ISO('r.started_at')} AS started_at, ${ISO('r.finished_at')} AS finished_at,
            EXISTS (SELECT FROM index_cursor c
                    WHERE c.grain = m.grain AND (m.version, m.figure_id) <= (c.version, c.figure_id)) AS is_sent,
            (SELECT min(x.reason) FROM index_reject x
             WHERE x.figure_id = m.figure_id AND x.version = m.version) AS refused
     FROM click_metrics m LEFT JOIN aggregate_run r USING (version)
     WHERE m.figure_id = figure_id($1, $2::timestamptz, $3, $4)`,
    [key.grain, windowText(key.start), key.url, key.country],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const run =
    row.run_id === null
      ? null
      : {
          runId: row.run_id,
          startedAt: row.started_at,
          finishedAt: row.finished_at,
          workflowId: row.workflow_id,
          workflowRunId: row.workflow_run_id,
        };
  return {
    id: row.id,
    version: row.version,
    ...(row.deleted ? {} : { document: documentOf(row) }),
    run,
    isSent: row.is_sent,
    refused: row.refused,
  };
}

export interface NearFigure {
  readonly windowStart: string | null;
  readonly country: string;
  readonly clicks: string;
}

const NEAREST = 8;

/** Figures of the same URL and grain: those of the same window first, then of the same country, the nearest in time. */
export async function nearFigures(client: pg.ClientBase, key: FigureKey): Promise<NearFigure[]> {
  const { rows } = await client.query<NearFigure>(
    `SELECT to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "windowStart", country,
            click_count::text AS clicks
     FROM click_metrics WHERE grain = $1 AND NOT deleted AND url = $3
     ORDER BY window_start IS NOT DISTINCT FROM $2::timestamptz DESC, country = $4 DESC,
              abs(extract(epoch FROM window_start - $2::timestamptz)), click_count DESC, country
     LIMIT ${NEAREST}`,
    [key.grain, windowText(key.start), key.url, key.country],
  );
  return rows;
}
