/**
 * The clicks that Spark reads from PostgreSQL, as the `dbtable` subquery of a temporary view. It takes no parameters,
 * so everything in it is made here: names from the checked configuration, quoted, and times from numbers.
 */
import type { Column, Config } from '../../../domain/config/config.js';
import { FAMILIES, type Family } from '../../../domain/names.js';
import { quoteIdent } from '../sql.js';
import { HOUR_MS, readSpans, type Span } from './windows.js';

const ALIAS: Record<Family, string> = { click_data: 'c', geo_data: 'g', user_agent_data: 'u' };
/** An own figure beyond this (31 years) in ms is no time; sums of it would leave 64 bits. */
const MAX_TIME_SPENT_MS = 1_000_000_000_000;
/** Clicks without a country are counted under it. */
const NO_COUNTRY = 'ZZ';

const timestamp = (ms: number): string => `timestamptz '${new Date(ms).toISOString()}'`;

export const within = (column: string, spans: readonly Span[]): string =>
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

/** Whether the event has an own time that is none. */
export function ownTimeBeyondOf(config: Config): string {
  const role = config.roles.timeSpent;
  if (role === undefined) return 'false';
  return `coalesce(${column(role)} NOT BETWEEN -${MAX_TIME_SPENT_MS} AND ${MAX_TIME_SPENT_MS}, false)`;
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

/** The hash of a row's URL and country, as the index click_metrics_key has it. */
export const keyHashOf = (row: string): string =>
  `hashtextextended(${row}.url, hashtextextended(${row}.country, 0))`;

/** The time after an hour in which the next click of a session may lie. */
export const lookaheadMs = (config: Config): number =>
  config.roles.session === undefined ? 0 : config.analyze.sessionTimeoutMs;

const HOUR_US = HOUR_MS * 1000;

/**
 * The clicks of these hours, role columns under fixed names, each with the time spent on it. What comes next in a
 * session PostgreSQL finds itself, where it costs half of what it does behind JDBC; for it the read goes on for
 * `lookaheadMs` after each hour, and neither ids nor sessions have to travel. Times are counted in doubles, where
 * extract() would count in numeric, a tenth of the read: until 2106 rounding gives every
 * microsecond back, and no click is of 2100 or later.
 * @param byKey with `key_hash` of URL and country
 */
export function clicksSource(config: Config, hours: readonly number[], byKey: boolean): string {
  const { url, user, session, timeSpent, bot, country } = config.roles;
  const spans = readSpans(hours, lookaheadMs(config));
  const timeoutUs = Math.round(config.analyze.sessionTimeoutMs * 1000);
  const next =
    session === undefined
      ? 'NULL::bigint'
      : 'lead(event_us) OVER (PARTITION BY session_key ORDER BY event_us, event_id)';
  return `(SELECT event_us - mod(mod(event_us, ${HOUR_US}) + ${HOUR_US}, ${HOUR_US}) AS start_us,
    url, country, user_key, is_bot, ${byKey ? `${keyHashOf('followed')} AS key_hash,` : ''}
    CASE WHEN time_spent_ms IS NOT NULL THEN time_spent_ms
         WHEN session_key IS NOT NULL AND next_us - event_us <= ${timeoutUs} THEN (next_us - event_us + 500) / 1000
         END AS spent_ms
  FROM (SELECT *, ${next} AS next_us FROM (SELECT c.event_id, c.event_time,
      (date_part('epoch', c.event_time) * 1000000)::bigint AS event_us,
      ${urlOf(config)} AS url,
      ${countryOf(config)} AS country,
      ${asText(user)} AS user_key,
      ${asText(session)} AS session_key,
      ${botOf(config)} AS is_bot,
      ${ownTimeOf(config)} AS time_spent_ms
    FROM ${fromFamilies(config, [url, user, session, timeSpent, bot, country], spans)}) clicks) followed
  WHERE ${within('event_time', readSpans(hours, 0))}) clicks`;
}

/** Made-up clicks of the first day of 1970 in the form of `clicksSource`; no table is read. */
export const sampleClicksSource = (): string => `(SELECT i / 180 * ${HOUR_US}::bigint AS start_us,
    '/' || i % 100 AS url, '${NO_COUNTRY}'::text AS country, (i % 50)::text AS user_key, i % 9 = 0 AS is_bot,
    ('x' || md5((i % 100)::text))::bit(64)::bigint AS key_hash, i % 1000 AS spent_ms
  FROM generate_series(0::bigint, 3999) i) clicks`;
