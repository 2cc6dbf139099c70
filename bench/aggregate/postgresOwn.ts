/** PostgreSQL's own GROUP BY, one statement, its answer by binary COPY: the quickest way out. */
import { to as copyTo } from 'pg-copy-streams';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { tallyCopy, type Tally } from './tally.js';

const FIGURES = `
  SELECT (extract(epoch FROM hour) * 1000000)::bigint, url, country, count(*), count(DISTINCT user_id), count(spent_ms),
         coalesce(sum(spent_ms), 0)::bigint
  FROM (SELECT date_trunc('hour', event_time, 'UTC') AS hour, url, country, user_id,
               CASE WHEN session_id IS NOT NULL AND next_time - event_time <= interval '30 minutes'
                 THEN floor(extract(epoch FROM next_time - event_time) * 1000 + 0.5)::bigint END AS spent_ms
        FROM (SELECT c.event_time, c.url, coalesce(g.country, 'ZZ') AS country, c.user_id, c.session_id,
                     lead(c.event_time) OVER (PARTITION BY c.session_id ORDER BY c.event_time, c.event_id) AS next_time
              FROM click_data c LEFT JOIN geo_data g USING (click_id, event_time)) followed) timed
  GROUP BY hour, url, country`;

export const runPostgresOwn = (postgres: Postgres): Promise<Tally> =>
  withClient(postgres, `${postgres.name}:bench`, (client) =>
    tallyCopy(client.query(copyTo(`COPY (${FIGURES}) TO STDOUT (FORMAT binary)`))),
  );
