import type { Config } from '../../../domain/config/config.js';
import {
  asText,
  botOf,
  countryOf,
  fromFamilies,
  ownTimeBeyondOf,
  ownTimeOf,
  urlOf,
} from '../aggregate/source.js';
import type { Span } from '../aggregate/windows.js';

/**
 * Clicks with the time spent on each, as a query: `click_id, event_id, at, url, country, person, visit, is_bot, own`
 * (the event's own time, ms), `own_beyond` (it is too large to be one), of the next click of the session `next_at` and
 * what `next` names, and `spent`, ms.
 * Window functions over whole sessions: it shares with the aggregation only where a role's column stands.
 * @param next columns of the next click, each as `next_<column>`
 * @param spans absent: all clicks
 */
export function followedClicks(
  config: Config,
  next: readonly string[] = [],
  spans?: readonly Span[],
): string {
  const { url, user, session, timeSpent, bot, country } = config.roles;
  const timeout = `interval '${Math.round(config.analyze.sessionTimeoutMs)} milliseconds'`;
  const following = ['at', ...next].map((column) => `lead(${column}) OVER following AS next_${column}`);
  return `SELECT *,
            CASE WHEN own IS NOT NULL THEN own
                 WHEN visit IS NOT NULL AND next_at - at <= ${timeout}
                   THEN round(extract(epoch FROM next_at - at) * 1000)::bigint END AS spent
     FROM (SELECT *, ${following.join(', ')}
           FROM (SELECT c.click_id, c.event_id, c.event_time AS at, ${urlOf(config)} AS url,
                        ${countryOf(config)} AS country, ${asText(user)} AS person, ${asText(session)} AS visit,
                        ${botOf(config)} AS is_bot, ${ownTimeOf(config)} AS own,
                        ${ownTimeBeyondOf(config)} AS own_beyond
                 FROM ${fromFamilies(config, [url, user, session, timeSpent, bot, country], spans)}) clicks
           WINDOW following AS (PARTITION BY visit ORDER BY at, event_id)) followed`;
}
