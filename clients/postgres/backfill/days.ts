import type pg from 'pg';
import { readFloor } from '../retention/floor.js';
import { clickDays } from '../retention/plan.js';
import { DAY_MS, HOUR_MS } from '../aggregate/windows.js';

type Client = Pick<pg.ClientBase, 'query'>;

/** Begin of the first day whose figures may be computed again. */
export const FLOOR = '(SELECT floor FROM retention_floor)';

/**
 * Body of a recursive `figure_day (day)`: the days above the floor that have figures, and a NULL at its end. One step
 * in an index per day, however many figures a day has.
 */
export const FIGURE_DAYS = `
  (SELECT date_trunc('day', m.window_start, 'UTC') AS day FROM click_metrics m
   WHERE m.grain = 'hour' AND NOT m.deleted AND m.window_start >= ${FLOOR}
   ORDER BY m.window_start LIMIT 1)
  UNION ALL
  SELECT (SELECT date_trunc('day', m.window_start, 'UTC') FROM click_metrics m
          WHERE m.grain = 'hour' AND NOT m.deleted AND m.window_start >= f.day + interval '24 hours'
          ORDER BY m.window_start LIMIT 1)
  FROM figure_day f WHERE f.day IS NOT NULL`;

/** The days above the floor that have figures, oldest first, as ms since 1970. */
async function figureDays(client: Client): Promise<number[]> {
  const { rows } = await client.query<{ day: Date }>(
    `WITH RECURSIVE figure_day AS (${FIGURE_DAYS}) SELECT day FROM figure_day WHERE day IS NOT NULL`,
  );
  return rows.map((row) => row.day.getTime());
}

/** The days above the floor that have a leaf of clicks or figures, oldest first, as ms since 1970. */
export async function daysToCompute(client: Client): Promise<number[]> {
  const floorMs = await floorMsOf(client);
  const leaves = (await clickDays(client)).map((day) =>
    Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}T00:00:00Z`),
  );
  const days = new Set([...leaves, ...(await figureDays(client))]);
  return [...days].filter((day) => floorMs === undefined || day >= floorMs).sort((a, b) => a - b);
}

/** The floor, as ms since 1970; undefined: no day was ever dropped. */
export async function floorMsOf(client: Client): Promise<number | undefined> {
  const floorUs = await readFloor(client);
  return floorUs === undefined ? undefined : Number(floorUs / 1000n);
}

/** What there is to compute of a day. */
export interface DayContent {
  /** It lies below the floor: its clicks are gone, and its figures stay as they are. */
  readonly frozen: boolean;
  /** Begins of all of its hours, ms since 1970; none where it has neither clicks nor figures. */
  readonly hours: readonly number[];
}

export async function contentOf(client: Client, dayMs: number): Promise<DayContent> {
  const { rows } = await client.query<{ frozen: boolean; some: boolean }>(
    `SELECT $1::timestamptz < ${FLOOR} AS frozen,
            EXISTS (SELECT FROM click_data WHERE event_time >= $1::timestamptz AND event_time < $2::timestamptz)
            OR EXISTS (SELECT FROM click_metrics WHERE grain = 'hour' AND NOT deleted
                         AND window_start >= $1::timestamptz AND window_start < $2::timestamptz) AS some`,
    [new Date(dayMs).toISOString(), new Date(dayMs + DAY_MS).toISOString()],
  );
  const frozen = rows[0]?.frozen ?? false;
  const some = !frozen && (rows[0]?.some ?? false);
  const hours = some ? Array.from({ length: DAY_MS / HOUR_MS }, (_, i) => dayMs + i * HOUR_MS) : [];
  return { frozen, hours };
}
