/** Unique users of any range of whole hours: the union of stored sketches. No click is read. */
import type pg from 'pg';
import { quoteIdent } from '../sql.js';
import { coverRange, type Cover } from './cover.js';
import { ESTIMATES, LG_K } from './figureQuery.js';

/** `from` inclusive, `to` exclusive: whole hours, ms since 1970; ±Infinity where the range is open. */
export interface UsersRange {
  readonly from: number;
  readonly to: number;
}

export interface UsersFilter {
  /** Exact, or the beginning of the URLs wanted. */
  readonly url?: string | { readonly prefix: string };
  /** Any of them. */
  readonly country?: readonly string[];
}

export const USERS_SORT = ['unique_users', 'click_count', 'url', 'country'] as const;
export type UsersSort = (typeof USERS_SORT)[number];

const ORDER: Readonly<Record<UsersSort, string>> = {
  unique_users: 'unique_users DESC, url, country',
  click_count: 'click_count DESC, url, country',
  url: 'url, country',
  country: 'country, url',
};

const timestamp = (ms: number): string => `timestamptz '${new Date(ms).toISOString()}'`;

const windowsOf = ({ grain, from, to }: Cover): string =>
  [
    `grain = '${grain}'`,
    ...(Number.isFinite(from) ? [`window_start >= ${timestamp(from)}`] : []),
    ...(Number.isFinite(to) ? [`window_start < ${timestamp(to)}`] : []),
  ].join(' AND ');

/** The figures of the fewest windows that make up the range, which one statement reads and so one snapshot shows. */
const storedWindows = (schema: string, range: UsersRange): string =>
  `${quoteIdent(schema)}.click_metrics WHERE NOT deleted
    AND (${coverRange(range.from, range.to).map(windowsOf).join(' OR ')})`;

/**
 * What Spark reads, as the `dbtable` of a temporary view; level and start as in `cleanPartsSource`. A sketch that is
 * gone must not pass for one of nobody: an empty one cannot be read.
 */
export const rangePartsSource = (schema: string, range: UsersRange): string =>
  `(SELECT CASE grain WHEN 'hour' THEN 1 WHEN 'day' THEN 2 ELSE 3 END AS level,
      (extract(epoch FROM window_start) * 1000000)::bigint AS start_us, url, country, click_count, unique_users,
      unique_users_exact, coalesce(users_sketch, ''::bytea) AS users_sketch
    FROM ${storedWindows(schema, range)}) parts`;

/**
 * One row per URL and country, and before them one over all of them (`whole`). A key with a single part keeps that
 * part's own figure: the users of one hour are exact however many they are.
 * @param parts view made from `rangePartsSource`
 * @param limit rows besides the one over all; absent: all of them
 */
export function rangeUsersQuery(
  parts: string,
  filter: UsersFilter,
  sort: UsersSort,
  limit?: number,
): { readonly query: string; readonly values: Readonly<Record<string, string>> } {
  const { url, country } = filter;
  const conditions: string[] = [];
  const values: Record<string, string> = {};
  if (typeof url === 'string') {
    conditions.push('url = :url');
    values['url'] = url;
  } else if (url !== undefined) {
    conditions.push('startswith(url, :prefix)');
    values['prefix'] = url.prefix;
  }
  if (country !== undefined) {
    conditions.push(`country IN (${country.map((_, i) => `:country${i}`).join(', ')})`);
    country.forEach((one, i) => (values[`country${i}`] = one));
  }
  const query = `
  WITH merged AS (
    SELECT url, country, grouping(url) = 1 AS whole, sum(click_count) AS click_count, count(*) AS parts,
           max(unique_users) AS only_users, bool_and(unique_users_exact) AS only_exact,
           theta_union_agg(users_sketch, ${LG_K}) AS sketch
    FROM ${parts} ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
    GROUP BY GROUPING SETS ((url, country), ())
  )
  SELECT url, country, whole, click_count,
         CASE WHEN parts = 1 THEN only_users ELSE theta_sketch_estimate(sketch) END AS unique_users,
         parts = 1 AND only_exact OR substr(sketch, 1, 2) NOT IN ${ESTIMATES} AS unique_users_exact
  FROM merged ORDER BY whole DESC, ${ORDER[sort]} ${limit === undefined ? '' : `LIMIT ${limit + 1}`}`;
  return { query, values };
}

/** Marked hours within the range: their figures are not those of the rows yet. */
export async function hoursWaiting(client: pg.ClientBase, range: UsersRange): Promise<number> {
  const bound = (ms: number): string =>
    Number.isFinite(ms) ? new Date(ms).toISOString() : ms < 0 ? '-infinity' : 'infinity';
  const { rows } = await client.query<{ hours: number }>(
    `SELECT count(DISTINCT date_trunc('hour', window_start, 'UTC'))::int AS hours FROM window_mark
     WHERE window_start >= $1 AND window_start < $2`,
    [bound(range.from), bound(range.to)],
  );
  return rows[0]?.hours ?? 0;
}
