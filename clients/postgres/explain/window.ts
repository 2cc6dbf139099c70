import type pg from 'pg';
import { FROZEN } from '../retention/frozen.js';
import { windowText, type FigureKey } from './figure.js';

/** `from` inclusive, `to` exclusive, ms since 1970; null: the window is all time. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** What keeps the rows of a window from being the whole truth of its figure. */
export interface WindowState {
  /** Hours of the window that the next run computes again. */
  readonly markedHours: number;
  /** Begin of the first day that clicks are kept of; null: all are. */
  readonly floor: string | null;
  /** Hours below the floor, whose clicks are gone, as far as they are parts of this figure. */
  readonly frozen: {
    readonly hours: number;
    readonly clicks: string;
    readonly bots: string;
    readonly timed: string;
    readonly timeSpentMs: string;
  };
}

interface Row {
  readonly marked: string;
  readonly floor: string | null;
  readonly hours: string;
  readonly clicks: string;
  readonly bots: string;
  readonly timed: string;
  readonly spent: string;
}

export async function readWindowState(
  client: pg.ClientBase,
  { url, country }: FigureKey,
  window: Window | null,
): Promise<WindowState> {
  const { rows } = await client.query<Row>(
    `SELECT (SELECT count(DISTINCT date_trunc('hour', window_start, 'UTC')) FROM window_mark
             WHERE $3::timestamptz IS NULL OR window_start >= $3 AND window_start < $4::timestamptz) AS marked,
            (SELECT to_char(floor AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
             FROM retention_floor WHERE isfinite(floor)) AS floor,
            count(*) AS hours, coalesce(sum(click_count), 0) AS clicks, coalesce(sum(bot_clicks), 0) AS bots,
            coalesce(sum(timed_clicks), 0) AS timed, coalesce(sum(total_time_spent_ms), 0) AS spent
     FROM click_metrics m
     WHERE ${FROZEN} AND m.url = $1 AND m.country = $2
       AND ($3::timestamptz IS NULL OR m.window_start >= $3 AND m.window_start < $4::timestamptz)`,
    [url, country, windowText(window?.from ?? null), windowText(window?.to ?? null)],
  );
  const [row] = rows;
  return {
    markedHours: Number(row?.marked ?? 0),
    floor: row?.floor ?? null,
    frozen: {
      hours: Number(row?.hours ?? 0),
      clicks: row?.clicks ?? '0',
      bots: row?.bots ?? '0',
      timed: row?.timed ?? '0',
      timeSpentMs: row?.spent ?? '0',
    },
  };
}
