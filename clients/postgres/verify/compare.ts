import type pg from 'pg';
import type { Grain } from '../../../domain/names.js';
import { FROZEN } from '../retention/frozen.js';
import { NAMED } from './check.js';

/** One standard error of a sketch with 4,096 hashes. */
const STANDARD_ERROR = 1 / 64;

const sameNumber = (column: string): string => `a.${column} IS NOT DISTINCT FROM b.${column}`;
/** Two engines interpolate and divide in another order: equal but for the last digits. */
const nearly = (column: string): string =>
  `(a.${column} IS NOT DISTINCT FROM b.${column}
    OR abs(a.${column} - b.${column}) <= 1e-9 * greatest(abs(a.${column}), abs(b.${column})))`;

const COMMON: Readonly<Record<string, string>> = {
  click_count: sameNumber('click_count'),
  bot_clicks: sameNumber('bot_clicks'),
  timed_clicks: sameNumber('timed_clicks'),
  total_time_spent_ms: sameNumber('total_time_spent_ms'),
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
  unique_users_exact: `(a.frozen AND NOT a.unique_users_exact OR ${sameNumber('unique_users_exact')})`,
};

/** Documents (b) against stored figures (a): the same in everything. */
const AGAINST_FIGURES: Readonly<Record<string, string>> = {
  ...COMMON,
  unique_users: sameNumber('unique_users'),
  unique_users_exact: sameNumber('unique_users_exact'),
  version: sameNumber('version'),
};

export interface Comparison {
  readonly grain: Grain;
  readonly compared: number;
  readonly different: number;
  /** Different in windows with waiting marks. */
  readonly waiting: number;
  /** The first differences, named; of those that do not wait, where there are any. */
  readonly named: readonly string[];
}

interface Sides {
  readonly expected: string;
  readonly found: string;
  readonly rules: Readonly<Record<string, string>>;
  readonly labels: readonly [string, string];
}

async function compare(client: pg.ClientBase, grain: Grain, sides: Sides): Promise<Comparison> {
  const broken = Object.entries(sides.rules)
    .map(
      ([figure, rule]) =>
        `CASE WHEN NOT coalesce(${rule}, false)
         THEN format('${figure} expected %s, got %s', a.${figure}, b.${figure}) END`,
    )
    .join(', ');
  const { rows } = await client.query<{
    total: string;
    waits: boolean;
    different: string;
    named: string[] | null;
  }>(
    `WITH joined AS (
       SELECT coalesce(a.window_start, b.window_start) AS window_start, coalesce(a.url, b.url) AS url,
              coalesce(a.country, b.country) AS country,
              CASE WHEN b.figure_id IS NULL THEN '${sides.labels[0]}' WHEN a.figure_id IS NULL THEN '${sides.labels[1]}'
                   ELSE nullif(concat_ws('; ', ${broken}), '') END AS problem
       FROM (${sides.expected}) a FULL JOIN (${sides.found}) b USING (figure_id)
     ), judged AS (
       SELECT j.*, EXISTS (SELECT FROM verify_waiting w
                           WHERE w.grain = $1 AND w.window_start IS NOT DISTINCT FROM j.window_start) AS waits
       FROM joined j
     ), numbered AS (
       SELECT *, row_number() OVER (PARTITION BY waits, problem IS NULL
                                    ORDER BY window_start, url, country) AS n FROM judged
     )
     SELECT count(*) AS total, waits, count(problem) AS different,
            array_agg(concat_ws(' ', to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'),
                                left(url, 200), country) || ': ' || problem ORDER BY n)
              FILTER (WHERE problem IS NOT NULL AND n <= ${NAMED}) AS named
     FROM numbered GROUP BY waits`,
    [grain],
  );
  const of = (waits: boolean) => rows.find((row) => row.waits === waits);
  const named = [...(of(false)?.named ?? []), ...(of(true)?.named ?? [])];
  return {
    grain,
    compared: rows.reduce((sum, row) => sum + Number(row.total), 0),
    different: Number(of(false)?.different ?? 0),
    waiting: Number(of(true)?.different ?? 0),
    named: named.slice(0, NAMED).map((text) => `${grain} ${text}`),
  };
}

/** The stored figures against those that `recomputeFigures` made; frozen hours have nothing to be compared with. */
export const compareFigures = (client: pg.ClientBase, grain: Grain): Promise<Comparison> =>
  compare(client, grain, {
    expected: `SELECT * FROM verify_figure WHERE grain = '${grain}'`,
    found: `SELECT * FROM click_metrics m WHERE grain = '${grain}' AND NOT deleted AND NOT (${FROZEN})`,
    rules: AGAINST_ROWS,
    labels: ['missing from click_metrics', 'in click_metrics, without clicks'],
  });

/** The documents that `keepDocuments` kept against the stored figures. */
export const compareDocuments = (client: pg.ClientBase, grain: Grain): Promise<Comparison> =>
  compare(client, grain, {
    expected: `SELECT * FROM click_metrics WHERE grain = '${grain}' AND NOT deleted`,
    found: `SELECT * FROM verify_document WHERE grain = '${grain}'`,
    rules: AGAINST_FIGURES,
    labels: ['missing from the index', 'in the index, not in click_metrics'],
  });
