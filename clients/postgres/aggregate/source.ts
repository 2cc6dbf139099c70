/**
 * What Spark reads from PostgreSQL, as the `dbtable` subqueries of two temporary views. They take no parameters,
 * so everything in them is made here: names from the checked configuration, quoted, and times from numbers.
 */
import type { Column, Config } from '../../../domain/config/config.js';
import { FAMILIES, type Family } from '../../../domain/names.js';
import { quoteIdent } from '../sql.js';
import { DAY_MS, readSpans, utcDay, utcMonth, type Span } from './windows.js';

const ALIAS: Record<Family, string> = { click_data: 'c', geo_data: 'g', user_agent_data: 'u' };
/** An own figure beyond this (31 years) in ms is no time; sums of it would leave 64 bits. */
const MAX_TIME_SPENT_MS = 1_000_000_000_000;
/** Clicks without a country are counted under it. */
const NO_COUNTRY = 'ZZ';

const timestamp = (ms: number): string => `timestamptz '${new Date(ms).toISOString()}'`;

const within = (column: string, spans: readonly Span[]): string =>
  spans.length === 0
    ? 'false'
    : `(${spans
        .map(({ from, to }) => `${column} >= ${timestamp(from)} AND ${column} < ${timestamp(to)}`)
        .join(' OR ')})`;

const column = (role: Column): string => `${ALIAS[role.family]}.${quoteIdent(role.name)}`;
export const asText = (role: Column | undefined): string => (role ? `${column(role)}::text` : 'NULL::text');

export const urlOf = (config: Config): string => asText(config.roles.url);
export const countryOf = (config: Config): string =>
  config.roles.country
    ? `coalesce(${asText(config.roles.country)}, '${NO_COUNTRY}')`
    : `'${NO_COUNTRY}'::text`;

export const botOf = (config: Config): string =>
  config.roles.bot ? `coalesce(${column(config.roles.bot)}, false)` : 'false';

/** The event's own time spent, rounded half up to whole ms, or NULL. */
export function ownTimeOf(config: Config): string {
  const role = config.roles.timeSpent;
  if (role === undefined) return 'NULL::bigint';
  const value = column(role);
  const whole = role.type === 'double' ? `floor(${value} + 0.5)::bigint` : `${value}::bigint`;
  return `CASE WHEN ${value} BETWEEN -${MAX_TIME_SPENT_MS} AND ${MAX_TIME_SPENT_MS} THEN ${whole} END`;
}

/**
 * `FROM` the families that the given roles live in, each cut to the spans by itself so that days are pruned.
 * @param spans absent: all rows
 */
export function fromFamilies(
  config: Config,
  roles: readonly (Column | undefined)[],
  spans?: readonly Span[],
): string {
  const schema = quoteIdent(config.name);
  const where = spans === undefined ? '' : ` WHERE ${within('event_time', spans)}`;
  const cut = (family: Family): string =>
    `(SELECT * FROM ${schema}.${quoteIdent(family)}${where}) ${ALIAS[family]}`;
  const joined = FAMILIES.filter(
    (family) => family !== 'click_data' && roles.some((role) => role?.family === family),
  ).map((family) => {
    const alias = ALIAS[family];
    return `LEFT JOIN ${cut(family)} ON ${alias}.click_id = c.click_id AND ${alias}.event_time = c.event_time`;
  });
  return [cut('click_data'), ...joined].join(' ');
}

/** The time after an hour in which the next click of a session may lie. */
export const lookaheadMs = (config: Config): number =>
  config.roles.session === undefined ? 0 : config.analyze.sessionTimeoutMs;

/** All clicks that the figures of `hours` depend on, role columns under fixed names. */
export function clicksSource(config: Config, spans: readonly Span[]): string {
  const { url, user, session, timeSpent, bot, country } = config.roles;
  return `(SELECT c.event_id::text AS event_id,
    (extract(epoch FROM c.event_time) * 1000000)::bigint AS event_us,
    ${urlOf(config)} AS url,
    ${countryOf(config)} AS country,
    ${asText(user)} AS user_key,
    ${asText(session)} AS session_key,
    ${botOf(config)} AS is_bot,
    ${ownTimeOf(config)} AS time_spent_ms,
    c.event_time AS event_time
  FROM ${fromFamilies(config, [url, user, session, timeSpent, bot, country], spans)}) clicks`;
}

/** Made-up clicks of the first day of 1970 in the form of `clicksSource`; no table is read. */
export const sampleClicksSource = (): string => `(SELECT md5(i::text)::uuid::text AS event_id,
    i * 20000000::bigint AS event_us, '/' || i % 100 AS url, '${NO_COUNTRY}'::text AS country,
    (i % 50)::text AS user_key, (i % 50)::text AS session_key, i % 9 = 0 AS is_bot, NULL::bigint AS time_spent_ms,
    timestamptz 'epoch' + i * interval '20 seconds' AS event_time
  FROM generate_series(0, 3999) i) clicks`;

/** One JDBC partition per part of the spans, as a condition on the `event_time` of `clicksSource`. */
export const clicksPredicates = (parts: readonly (readonly Span[])[]): string[] =>
  parts.map((spans) => within('event_time', spans));

/**
 * The clean parts of the figures above the hour: stored hours, days and months that this run does not compute,
 * of the keys it touches. A key is touched by its rows in the hours and by its stored figures of the hours, which
 * may have lost their rows. `level`: 1 an hour (part of its day and above), 2 a day, 3 a month.
 */
export function cleanPartsSource(config: Config, hours: readonly number[]): string {
  const metrics = `${quoteIdent(config.name)}.click_metrics`;
  const days = [...new Set(hours.map(utcDay))];
  const months = [...new Set(hours.map(utcMonth))];
  const times = (list: readonly number[]): string =>
    `ARRAY[${list.map((ms) => `'${new Date(ms).toISOString()}'`).join(', ')}]::timestamptz[]`;
  const nextMonth = (ms: number): number => utcMonth(ms + 32 * DAY_MS);
  // A sketch that is gone must not pass for one of nobody: an empty one cannot be read.
  const figures = `m.url, m.country, m.click_count, m.bot_clicks,
    coalesce(m.users_sketch, ''::bytea) AS users_sketch, m.timed_clicks,
    m.total_time_spent_ms`;
  const start = '(extract(epoch FROM m.window_start) * 1000000)::bigint AS start_us';
  const { url, country } = config.roles;
  return `(WITH touched AS MATERIALIZED (
      SELECT date_trunc('day', c.event_time, 'UTC') AS day, ${urlOf(config)} AS url, ${countryOf(config)} AS country
      FROM ${fromFamilies(config, [url, country], readSpans(hours, 0))}
      UNION
      SELECT date_trunc('day', m.window_start, 'UTC'), m.url, m.country FROM ${metrics} m
      WHERE m.grain = 'hour' AND NOT m.deleted AND m.window_start = ANY(${times(hours)})
    ), touched_month AS MATERIALIZED (
      SELECT DISTINCT date_trunc('month', day, 'UTC') AS month, url, country FROM touched
    ), touched_key AS (
      SELECT DISTINCT url, country FROM touched
    )
    SELECT 1 AS level, ${start}, ${figures} FROM ${metrics} m
    JOIN touched t ON t.url = m.url AND t.country = m.country AND t.day = date_trunc('day', m.window_start, 'UTC')
    WHERE m.grain = 'hour' AND NOT m.deleted
      AND ${within('m.window_start', merged(days.map((day) => ({ from: day, to: day + DAY_MS }))))}
      AND m.window_start <> ALL(${times(hours)})
    UNION ALL
    SELECT 2, ${start}, ${figures} FROM ${metrics} m
    JOIN touched_month t ON t.url = m.url AND t.country = m.country
      AND t.month = date_trunc('month', m.window_start, 'UTC')
    WHERE m.grain = 'day' AND NOT m.deleted
      AND ${within('m.window_start', merged(months.map((month) => ({ from: month, to: nextMonth(month) }))))}
      AND NOT EXISTS (SELECT FROM touched d
                      WHERE d.day = m.window_start AND d.url = m.url AND d.country = m.country)
    UNION ALL
    SELECT 3, ${start}, ${figures} FROM ${metrics} m
    JOIN touched_key t ON t.url = m.url AND t.country = m.country
    WHERE m.grain = 'month' AND NOT m.deleted
      AND NOT EXISTS (SELECT FROM touched_month d
                      WHERE d.month = m.window_start AND d.url = m.url AND d.country = m.country)) parts`;
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

/** Hours as µs since 1970, the form in which Spark compares them. */
export const hoursInMicros = (hours: readonly number[]): bigint[] => hours.map((ms) => BigInt(ms) * 1000n);
