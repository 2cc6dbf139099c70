/**
 * The clean parts of the figures above the hour, as the `dbtable` subquery of a temporary view: stored hours, days
 * and months that a run does not compute, of the keys it touches. A key is touched by its rows in the hours and by
 * its stored figures of the hours, which may have lost their rows. `level`: 1 an hour (part of its day and above),
 * 2 a day, 3 a month.
 */
import type { Config } from '../../../domain/config/config.js';
import { quoteIdent } from '../sql.js';
import { countryOf, fromFamilies, keyHashOf, urlOf, within } from './source.js';
import { DAY_MS, HOUR_MS, readSpans, utcDay, utcMonth, type Span } from './windows.js';

/** Windows in which a key's parts are looked up: up to 23 hours, 30 days, some months. */
const WINDOWS_PER_KEY = 60;
/** Looking a key up in one window takes as long as reading so many figures one after the other. */
const FIGURES_PER_LOOKUP = 4;

/** Of the view's rows; a sketch that is gone must not pass for one of nobody: an empty one cannot be read. */
const FIGURES = `(extract(epoch FROM m.window_start) * 1000000)::bigint AS start_us, m.url, m.country, m.click_count,
      m.bot_clicks, coalesce(m.users_sketch, ''::bytea) AS users_sketch, m.timed_clicks, m.total_time_spent_ms`;

const times = (list: readonly number[]): string =>
  `ARRAY[${list.map((ms) => `'${new Date(ms).toISOString()}'`).join(', ')}]::timestamptz[]`;

const nextMonth = (ms: number): number => utcMonth(ms + 32 * DAY_MS);

/** Hashes (`keyHashOf`) of the keys that a run rolls up, as decimal numbers; `all`: those of its hours. */
export type TouchedKeys = readonly string[] | 'all';

/**
 * A key goes by its hash alone: of two keys with one hash both are rolled up.
 * @param touched the keys; of their hashes, the days are all that the hours lie in
 * @param clicks  about how many the hours hold
 * @param stored  about how many figures there are
 */
export function cleanPartsSource(
  config: Config,
  hours: readonly number[],
  touched: TouchedKeys,
  { clicks, stored }: { readonly clicks: number; readonly stored: number },
): string {
  const keys = touched === 'all' ? clicks : touched.length;
  const parts = keys * WINDOWS_PER_KEY * FIGURES_PER_LOOKUP < stored ? lookedUp : scanned;
  const rows = touched === 'all' ? rowsOf(config, hours) : given(hours, touched);
  return `(WITH ${touchedWindows(rows)} ${parts(config, hours)}) parts`;
}

const metricsOf = (config: Config): string => `${quoteIdent(config.name)}.click_metrics`;

/** Day and hash of every key that has rows or stored figures in the hours. */
function rowsOf(config: Config, hours: readonly number[]): string {
  const { url, country } = config.roles;
  return `SELECT DISTINCT day, ${keyHashOf('t')} AS hash FROM (
        SELECT date_trunc('day', c.event_time, 'UTC') AS day, ${urlOf(config)} AS url, ${countryOf(config)} AS country
        FROM ${fromFamilies(config, [url, country], readSpans(hours, 0))}
        UNION
        SELECT date_trunc('day', m.window_start, 'UTC'), m.url, m.country FROM ${metricsOf(config)} m
        WHERE m.grain = 'hour' AND NOT m.deleted AND m.window_start = ANY(${times(hours)})) t`;
}

const given = (hours: readonly number[], keys: readonly string[]): string =>
  `SELECT day, hash FROM unnest(${times([...new Set(hours.map(utcDay))])}) d (day)
      CROSS JOIN unnest('{${keys.map(BigInt).join(',')}}'::bigint[]) k (hash)`;

/** Touched hashes by day, by month with the days, and over all with the months. */
const touchedWindows = (rows: string): string => `touched AS MATERIALIZED (
      ${rows} ORDER BY hash
    ), touched_month AS MATERIALIZED (
      SELECT date_trunc('month', day, 'UTC') AS month, hash, array_agg(day) AS days
      FROM touched GROUP BY 1, 2 ORDER BY hash
    ), touched_key AS MATERIALIZED (
      SELECT hash, array_agg(month) AS months FROM touched_month GROUP BY 1 ORDER BY hash
    )`;

/** For few keys among many figures: each is looked up in every window that has figures and may hold a part of it. */
function lookedUp(config: Config, hours: readonly number[]): string {
  const metrics = metricsOf(config);
  const computed = new Set(hours);
  const hoursAround = [...new Set(hours.map(utcDay))]
    .flatMap((day) => Array.from({ length: 24 }, (_, n) => day + n * HOUR_MS))
    .filter((hour) => !computed.has(hour));
  const daysAround = [...new Set(hours.map(utcMonth))].flatMap((month) =>
    Array.from({ length: (nextMonth(month) - month) / DAY_MS }, (_, n) => month + n * DAY_MS),
  );
  const used = (grain: string, windows: string): string =>
    `SELECT w FROM ${windows} windows (w) WHERE EXISTS (
        SELECT FROM ${metrics} m WHERE m.grain = '${grain}' AND m.window_start = w)`;
  // OFFSET 0 keeps this order: window by window, in which the keys' hashes lie side by side in the index.
  const found = (grain: string, keys: string, where: string): string => `used_${grain} CROSS JOIN LATERAL (
      SELECT ${FIGURES} FROM ${keys} t CROSS JOIN LATERAL (
        SELECT * FROM ${metrics} m WHERE m.grain = '${grain}' AND m.window_start = w AND ${keyHashOf('m')} = t.hash
          AND NOT m.deleted OFFSET 0) m
      WHERE ${where} OFFSET 0) found`;
  const allMonths = `(SELECT generate_series(min(window_start) AT TIME ZONE 'UTC',
        max(window_start) AT TIME ZONE 'UTC', interval '1 month') AT TIME ZONE 'UTC' AS w
      FROM ${metrics} WHERE grain = 'month')`;
  return `, used_hour AS MATERIALIZED (${used('hour', `unnest(${times(hoursAround)})`)}
    ), used_day AS MATERIALIZED (${used('day', `unnest(${times(daysAround)})`)}
    ), used_month AS MATERIALIZED (${used('month', allMonths)}
    )
    SELECT 1 AS level, found.* FROM ${found('hour', 'touched', "t.day = date_trunc('day', w, 'UTC')")}
    UNION ALL
    SELECT 2, found.* FROM ${found('day', 'touched_month', "t.month = date_trunc('month', w, 'UTC') AND w <> ALL(t.days)")}
    UNION ALL
    SELECT 3, found.* FROM ${found('month', 'touched_key', 'w <> ALL(t.months)')}`;
}

/**
 * For many keys: the figures of the days, months and of all months are read and compared with them. What this run
 * computes itself is left out by lists per key: a second join would be planned for the one row that PostgreSQL
 * expects of the first, and compare each of many with each.
 */
function scanned(config: Config, hours: readonly number[]): string {
  const metrics = metricsOf(config);
  const spansOf = (begin: (ms: number) => number, end: (ms: number) => number): Span[] =>
    merged([...new Set(hours.map(begin))].map((from) => ({ from, to: end(from) })));
  const days = spansOf(utcDay, (day) => day + DAY_MS);
  const months = spansOf(utcMonth, nextMonth);
  return `SELECT 1 AS level, ${FIGURES} FROM ${metrics} m
    JOIN touched t ON t.hash = ${keyHashOf('m')} AND t.day = date_trunc('day', m.window_start, 'UTC')
    WHERE m.grain = 'hour' AND NOT m.deleted AND ${within('m.window_start', days)}
      AND m.window_start <> ALL(${times(hours)})
    UNION ALL
    SELECT 2, ${FIGURES} FROM ${metrics} m
    JOIN touched_month t ON t.hash = ${keyHashOf('m')}
      AND t.month = date_trunc('month', m.window_start, 'UTC')
    WHERE m.grain = 'day' AND NOT m.deleted AND ${within('m.window_start', months)}
      AND m.window_start <> ALL(t.days)
    UNION ALL
    SELECT 3, ${FIGURES} FROM ${metrics} m
    JOIN touched_key t ON t.hash = ${keyHashOf('m')}
    WHERE m.grain = 'month' AND NOT m.deleted AND m.window_start <> ALL(t.months)`;
}

/** Sorted spans, those that touch joined into one. */
function merged(spans: readonly Span[]): Span[] {
  const result: { from: number; to: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = result[result.length - 1];
    if (last !== undefined && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else result.push({ ...span });
  }
  return result;
}
