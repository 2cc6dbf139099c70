import type pg from 'pg';
import type { Grain } from '../../../domain/names.js';
import type { Cursor } from '../index/figures.js';
import { FROZEN } from '../retention/frozen.js';
import { NAMED, type Check } from './check.js';

/** One standard error of a sketch with 4,096 hashes. */
const STANDARD_ERROR = 1 / 64;

const same = (column: string): string => `a.${column} IS NOT DISTINCT FROM b.${column}`;
/** Two engines interpolate and divide in another order: equal but for the last digits. */
const nearly = (column: string): string =>
  `(a.${column} IS NOT DISTINCT FROM b.${column}
    OR abs(a.${column} - b.${column}) <= 1e-9 * greatest(abs(a.${column}), abs(b.${column})))`;

const COMMON: Readonly<Record<string, string>> = {
  click_count: same('click_count'),
  bot_clicks: same('bot_clicks'),
  timed_clicks: same('timed_clicks'),
  total_time_spent_ms: same('total_time_spent_ms'),
  avg_time_spent_ms: nearly('avg_time_spent_ms'),
  median_time_spent_ms: nearly('median_time_spent_ms'),
  p90_time_spent_ms: nearly('p90_time_spent_ms'),
};

/** Stored (b) against recomputed (a): estimates within three standard errors, and flagged exactly when they are. */
const AGAINST_ROWS: Readonly<Record<string, string>> = {
  ...COMMON,
  // Without frozen parts the two bounds are one number.
  unique_users: `CASE WHEN b.unique_users_exact THEN b.unique_users BETWEEN a.unique_users AND a.users_at_most
    ELSE b.unique_users BETWEEN ${1 - 3 * STANDARD_ERROR} * a.unique_users AND ${1 + 3 * STANDARD_ERROR} * a.users_at_most END`,
  unique_users_exact: `(a.frozen AND NOT a.unique_users_exact OR ${same('unique_users_exact')})`,
};

/** Documents (b) against stored figures (a): the same in everything, to the last digit. */
const AGAINST_FIGURES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...['grain', 'window_start', 'url', 'country', 'click_count', 'bot_clicks', 'unique_users'],
    ...['unique_users_exact', 'timed_clicks', 'total_time_spent_ms', 'avg_time_spent_ms'],
    ...['median_time_spent_ms', 'p90_time_spent_ms', 'version'],
  ].map((column) => [column, same(column)]),
);

export interface Comparison {
  readonly grain: Grain;
  readonly compared: number;
  readonly different: number;
  /** Different, and not expected to be right yet. */
  readonly waiting: number;
  /** The first differences, named; of those that do not wait, where there are any. */
  readonly named: readonly string[];
}

/**
 * @param drained what waits is a difference, too
 */
export function compared(name: string, result: Comparison, drained: boolean): Check {
  const wrong = result.different + (drained ? result.waiting : 0);
  const waiting = result.waiting > 0 && !drained ? `, ${result.waiting} waiting` : '';
  return {
    name,
    ok: wrong === 0,
    detail: `${result.compared} compared, ${wrong} different${waiting}`,
    ...(wrong > 0 && { differences: result.named }),
  };
}

interface Sides {
  readonly expected: string;
  readonly found: string;
  readonly rules: Readonly<Record<string, string>>;
  readonly labels: readonly [string, string];
  /** SQL over `a` and `b`: whether a difference of the two is not expected to be mended yet. */
  readonly waits: string;
  readonly values?: readonly unknown[];
}

/** Only what differs is kept whole, judged and sorted: that is little, or the first is enough. */
async function compare(client: pg.ClientBase, grain: Grain, sides: Sides): Promise<Comparison> {
  const broken = Object.entries(sides.rules)
    .map(
      ([figure, rule]) =>
        `CASE WHEN NOT coalesce(${rule}, false)
         THEN format('${figure} expected %s, got %s', left(a.${figure}::text, 200), left(b.${figure}::text, 200)) END`,
    )
    .join(', ');
  const problem = `CASE WHEN b.figure_id IS NULL THEN '${sides.labels[0]}'
    WHEN a.figure_id IS NULL THEN '${sides.labels[1]}' ELSE nullif(concat_ws('; ', ${broken}), '') END`;
  const { rows } = await client.query<
    Record<'total' | 'different' | 'waiting', string> & { named: string[] }
  >(
    `WITH judged AS MATERIALIZED (
       SELECT p.problem,
              CASE WHEN p.problem IS NOT NULL THEN coalesce(a.window_start, b.window_start) END AS window_start,
              CASE WHEN p.problem IS NOT NULL THEN coalesce(a.url, b.url) END AS url,
              CASE WHEN p.problem IS NOT NULL THEN coalesce(a.country, b.country) END AS country,
              CASE WHEN p.problem IS NOT NULL THEN coalesce(${sides.waits}, false) END AS waits
       FROM (${sides.expected}) a FULL JOIN (${sides.found}) b USING (figure_id)
         CROSS JOIN LATERAL (SELECT ${problem} AS problem) p
     ), problems AS (
       SELECT *, row_number() OVER (ORDER BY waits, window_start, url, country) AS n
       FROM judged WHERE problem IS NOT NULL
     )
     SELECT (SELECT count(*) FROM judged) AS total,
            count(*) FILTER (WHERE NOT waits) AS different, count(*) FILTER (WHERE waits) AS waiting,
            coalesce(array_agg(concat_ws(' ', to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'),
                                         left(url, 200), country) || ': ' || problem ORDER BY n)
              FILTER (WHERE n <= ${NAMED}), '{}') AS named
     FROM problems`,
    [...(sides.values ?? [])],
  );
  const [row] = rows;
  return {
    grain,
    compared: Number(row?.total ?? 0),
    different: Number(row?.different ?? 0),
    waiting: Number(row?.waiting ?? 0),
    named: (row?.named ?? []).map((text) => `${grain} ${text}`),
  };
}

/** The stored figures against those that `recomputeFigures` made; frozen hours have nothing to be compared with. */
export const compareFigures = (client: pg.ClientBase, grain: Grain): Promise<Comparison> =>
  compare(client, grain, {
    expected: `SELECT * FROM verify_figure WHERE grain = '${grain}'`,
    found: `SELECT * FROM click_metrics m WHERE grain = '${grain}' AND NOT deleted AND NOT (${FROZEN})`,
    rules: AGAINST_ROWS,
    labels: ['missing from click_metrics', 'in click_metrics, without clicks'],
    waits: `EXISTS (SELECT FROM verify_waiting w WHERE w.grain = '${grain}'
              AND w.window_start IS NOT DISTINCT FROM coalesce(a.window_start, b.window_start))`,
  });

/**
 * The documents that `keepDocuments` kept against the stored figures. They were read before the snapshot began, so
 * each figure that had been sent by then is as it was sent, or stands above the cursor.
 * @param sent the cursor as read before the documents; absent: nothing is expected to be sent yet
 */
export const compareDocuments = (
  client: pg.ClientBase,
  grain: Grain,
  sent: Cursor | undefined,
): Promise<Comparison> =>
  compare(client, grain, {
    expected: `SELECT * FROM click_metrics WHERE grain = '${grain}' AND NOT deleted`,
    found: `SELECT * FROM verify_document WHERE of_grain = '${grain}'`,
    rules: AGAINST_FIGURES,
    labels: ['missing from the index', 'in the index, not in click_metrics'],
    waits: `coalesce((a.version, a.figure_id) > ($1::bigint, decode($2, 'hex')),
              EXISTS (SELECT FROM click_metrics m WHERE m.figure_id = b.figure_id AND m.deleted
                      AND (m.version, m.figure_id) > ($1::bigint, decode($2, 'hex'))))`,
    values: [sent?.version ?? '0', sent?.figureId ?? ''],
  });
