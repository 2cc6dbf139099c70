/** Spark as its guide has it: whole tables over one JDBC connection each, fetchsize set, everything else in Spark. */
import type { SparkSupply } from '../../clients/spark/index.js';
import { quoteIdent } from '../../clients/postgres/sql.js';
import { tallyArrow, type Tally } from './tally.js';

const FIGURES = `
  SELECT unix_micros(hour) AS start_us, url, country, count(*) AS click_count,
         count(DISTINCT user_id) AS unique_users, count(spent_ms) AS timed_clicks,
         coalesce(sum(spent_ms), 0) AS total_time_spent_ms
  FROM (SELECT date_trunc('HOUR', event_time) AS hour, url, country, user_id,
               CASE WHEN session_id IS NOT NULL AND unix_micros(next_time) - unix_micros(event_time) <= 1800000000
                 THEN (unix_micros(next_time) - unix_micros(event_time) + 500) DIV 1000 END AS spent_ms
        FROM (SELECT c.event_time, c.url, coalesce(g.country, 'ZZ') AS country, c.user_id, c.session_id,
                     lead(c.event_time) OVER (PARTITION BY c.session_id ORDER BY c.event_time, c.event_id) AS next_time
              FROM textbook_click c LEFT JOIN textbook_geo g USING (click_id, event_time)) followed) timed
  GROUP BY hour, url, country`;

/**
 * Coalesced to one task a core, as adaptive planning would have it, an answer of this size does not fit the driver's
 * heap: a task's rows go there in one piece.
 */
const SETTINGS = {
  'spark.sql.shuffle.partitions': '16',
  'spark.sql.adaptive.coalescePartitions.enabled': 'false',
};

/** @param spark one session for all runs, as ours has it; @param url PostgreSQL as Spark sees it */
export async function runTextbook(
  spark: SparkSupply,
  name: string,
  url: string,
  signal: AbortSignal,
): Promise<Tally> {
  const session = await spark.session();
  await session.set(SETTINGS, signal);
  for (const [view, table] of [
    ['textbook_click', 'click_data'],
    ['textbook_geo', 'geo_data'],
  ] as const)
    await session.createView(
      view,
      'jdbc',
      {
        url,
        driver: 'org.postgresql.Driver',
        dbtable: `${quoteIdent(name)}.${quoteIdent(table)}`,
        fetchsize: '10000',
      },
      { signal },
    );
  return tallyArrow(session.query(FIGURES, {}, { signal }));
}
