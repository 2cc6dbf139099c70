/** Sketches keep 2^12 hashes: exact up to 4,096 users, above within 1.6 % (one standard error). */
export const LG_K = 12;
/**
 * The first two bytes of a serialised sketch that has dropped users (theta < 1): the preamble's length, longer by
 * the one word that holds theta, and the form, 3 plain or 4 compressed. The rounded estimate cannot tell: that of
 * 4,097 users may be 4,096.
 */
export const ESTIMATES = "(X'0303', X'0204')";

/**
 * Where rows come sorted by what they are grouped by, they are aggregated once, in their order. Without it, groups would
 * still be bounded in memory: Spark's hash tables of sets and sketches give way to sorting after 128 groups.
 */
export const GROUPS_IN_ORDER: Readonly<Record<string, string>> = {
  'spark.sql.execution.replaceHashWithSortAgg': 'true',
};

const DAY_US = 24 * 3_600_000_000;

/**
 * Of the sorted `times`, between the two around its place; to the last bit what Spark's own percentile() answers, whose
 * table of counts for each group costs a fifth of the whole query.
 */
function percentile(part: string): string {
  const place = `(${part} * (timed_clicks - 1))`;
  const below = `get(times, CAST(floor(${place}) AS INT))`;
  const above = `get(times, CAST(ceil(${place}) AS INT))`;
  return `if(${below} = ${above}, CAST(${below} AS DOUBLE),
      (floor(${place}) + 1 - ${place}) * ${below} + (${place} - floor(${place})) * ${above})`;
}

const average = `CASE WHEN timed_clicks > 0 THEN CAST(total_time_spent_ms AS DOUBLE) / CAST(timed_clicks AS DOUBLE) END
             AS avg_time_spent_ms`;

/**
 * Figures of the hours that one view holds whole. One task reads it and groups it: COALESCE(1) tells Spark that
 * nothing has to be shuffled for that. It sorts first, which spills, so that groups follow one another and each is
 * aggregated once (GROUPS_IN_ORDER): else every group would be aggregated in part, written out and merged with nothing.
 * Sorted by a hash in front of the keys, since Spark sorts by the first eight bytes of the first key, in which all
 * URLs of a site are the same.
 */
const hourFigures = (clicks: string, hash: string): string => `
    SELECT 'hour' AS grain, start_us, url, country, click_count, bot_clicks, unique_users, true AS unique_users_exact,
           -- only a union keeps hashes that do not depend on the order of the users
           if(substr(users_sketch, 1, 2) IN ${ESTIMATES}, theta_union(users_sketch, users_sketch, ${LG_K}), users_sketch)
             AS users_sketch,
           timed_clicks, total_time_spent_ms, ${average},
           CASE WHEN timed_clicks > 0 THEN ${percentile('0.5D')} END AS median_time_spent_ms,
           CASE WHEN timed_clicks > 0 THEN ${percentile('0.9D')} END AS p90_time_spent_ms, slice_hash
    FROM (
    SELECT slice_hash, start_us, url, country,
           count(*) AS click_count, count_if(is_bot) AS bot_clicks,
           CAST(size(collect_set(user_key)) AS BIGINT) AS unique_users,
           -- a sketch ignores the empty text, which is a user like any other
           theta_sketch_agg(concat('=', user_key), ${LG_K}) AS users_sketch,
           count(spent_ms) AS timed_clicks, coalesce(sum(spent_ms), 0) AS total_time_spent_ms,
           sort_array(collect_list(spent_ms)) AS times
    FROM (SELECT * FROM (SELECT /*+ COALESCE(1) */ *, ${hash} AS slice_hash FROM ${clicks})
          SORT BY slice_hash, start_us, url, country)
    GROUP BY slice_hash, start_us, url, country)`;

/**
 * The hours' figures. Besides the columns of `FIGURE_COLUMNS` it has `slice_hash`, spread over all 64 bits, by which
 * its rows are sorted within a task: of the key as PostgreSQL has it, or of key and hour.
 * @param clicks views made from `clicksSource`, no hour in two of them
 * @param byKey  whether the views have `key_hash`
 */
export const hourFiguresQuery = (clicks: readonly string[], byKey: boolean): string =>
  clicks
    .map((view) => hourFigures(view, byKey ? 'key_hash' : 'xxhash64(start_us, url, country)'))
    .join(' UNION ALL ');

/**
 * The figures of days, months and the total, in one pass, with the columns of `hourFiguresQuery`.
 *
 * Fresh hours and clean parts are spread over the windows they belong to (an hour counts for its day, its month and
 * the total; a clean day for its month and the total) and grouped once, a key's parts in one task. Sums, and unions of
 * theta sketches trimmed to k, depend neither on order nor on nesting, so a total from hours equals one from months.
 *
 * @param hours  table of hours' figures, as `hourFiguresQuery` has them
 * @param parts  view made from `cleanPartsSource`; undefined when nothing is stored yet
 * @param where  which of the hours' rows count
 */
export function rollUpQuery(hours: string, parts: string | undefined, where = 'true'): string {
  const clean =
    parts === undefined
      ? ''
      : `UNION ALL
    SELECT level, start_us, url, country, click_count, bot_clicks, users_sketch, timed_clicks, total_time_spent_ms
    FROM ${parts}`;
  return `
  WITH parts AS (
    SELECT 1 AS level, start_us, url, country, click_count, bot_clicks, users_sketch, timed_clicks, total_time_spent_ms
    FROM ${hours} WHERE ${where} ${clean}
  ), spread AS (
    SELECT explode(slice(array(
             named_struct('grain', 'day', 'start_us', start_us - pmod(start_us, ${DAY_US})),
             named_struct('grain', 'month', 'start_us', unix_micros(date_trunc('MONTH', timestamp_micros(start_us)))),
             named_struct('grain', 'total', 'start_us', CAST(NULL AS BIGINT))), level, 4 - level)) AS target,
           url, country, click_count, bot_clicks, users_sketch, timed_clicks, total_time_spent_ms
    FROM (SELECT /*+ REPARTITION(url, country) */ * FROM parts)
  ), sorted AS (
    SELECT * FROM (SELECT *, target.grain AS grain, target.start_us AS start_us,
                          xxhash64(target.grain, target.start_us, url, country) AS slice_hash FROM spread)
    SORT BY slice_hash, grain, start_us, url, country
  ), grouped AS (
    SELECT slice_hash, grain, start_us, url, country,
           sum(click_count) AS click_count, sum(bot_clicks) AS bot_clicks,
           theta_union_agg(users_sketch, ${LG_K}) AS users_sketch,
           sum(timed_clicks) AS timed_clicks, sum(total_time_spent_ms) AS total_time_spent_ms
    FROM sorted
    GROUP BY slice_hash, grain, start_us, url, country
  )
  SELECT grain, start_us, url, country, click_count, bot_clicks,
         theta_sketch_estimate(users_sketch) AS unique_users,
         substr(users_sketch, 1, 2) NOT IN ${ESTIMATES} AS unique_users_exact,
         users_sketch, timed_clicks, total_time_spent_ms, ${average},
         CAST(NULL AS DOUBLE) AS median_time_spent_ms, CAST(NULL AS DOUBLE) AS p90_time_spent_ms, slice_hash
  FROM grouped`;
}
