/** Made-up clicks, made by PostgreSQL itself in the product's tables: the same arguments give the same rows. */
import { ensureDays, type Day } from '../../clients/postgres/days.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { quoteLiteral } from '../../clients/postgres/sql.js';
import type { Config } from '../../domain/config/config.js';
import { parseConfig } from '../../domain/config/parse.js';

const HOUR_MS = 3_600_000;
/** The first of a month of thirty days. */
export const BEGIN_MS = Date.UTC(2026, 5, 1);

/** As a user would write it. Figures come from four roles; time spent from the session rule alone. */
export const configurationOf = (name: string): Config =>
  parseConfig(
    `version: 1
name: ${name}
kafka: { topics: [none] }
event:
  id: { from: [event_id] }
  time: { from: [event_time], formats: [iso] }
families:
  click_data:
    url: { type: text, from: [url], required: true }
    user_id: { type: text, from: [user_id] }
    session_id: { type: text, from: [session_id] }
    referrer: { type: text, from: [referrer] }
  geo_data:
    country: { type: text, from: [country] }
    city: { type: text, from: [city] }
  user_agent_data: {}
roles:
  url: click_data.url
  user: click_data.user_id
  session: click_data.session_id
  country: geo_data.country
temporal: { search_attributes: false }
`,
    `the configuration of ${name}`,
  );

export interface Clicks {
  readonly clicks: number;
  /** Spread evenly over so many hours from `BEGIN_MS` on. */
  readonly hours: number;
}

/** Begins of the hours, ms since 1970. */
export const hoursOf = ({ hours }: Pick<Clicks, 'hours'>): number[] =>
  Array.from({ length: hours }, (_, n) => BEGIN_MS + n * HOUR_MS);

export const daysOf = ({ hours }: Pick<Clicks, 'hours'>): Day[] =>
  Array.from({ length: Math.ceil(hours / 24) }, (_, n) =>
    new Date(BEGIN_MS + n * 24 * HOUR_MS).toISOString().slice(0, 10).replaceAll('-', ''),
  );

/** Evenly spread in [0, 1): the same for the same number and seed. */
const uniform = (n: string, seed: number): string =>
  `((hashint8extended(${n}, ${seed}) & 1048575)::float8 / 1048576)`;

/**
 * Five clicks a session, some half a minute to minutes apart, one session in fifty with gaps beyond the time-out;
 * pages by Zipf's law, a twentieth of the clicks without a country, a tenth without a user.
 */
const madeUp = ({ clicks, hours }: Clicks): string => {
  const seconds = hours * 3600;
  const sessions = Math.ceil(clicks / 5);
  return `
  SELECT n AS click_id, lpad(to_hex(n), 32, '0')::uuid AS event_id,
         ${quoteLiteral(new Date(BEGIN_MS).toISOString())}::timestamptz + interval '1 microsecond' * ((
           (s::float8 * ${seconds} / ${sessions} + step * gap + ${uniform('n', 1)} * 4) * 1e6)::bigint
           % ${seconds}000000) AS event_time,
         'https://shop.example/' || (ARRAY['products', 'help', 'blog', 'search'])[1 + page % 4] || '/' || page AS url,
         CASE WHEN visitor % 10 > 0 THEN md5('user ' || visitor) END AS user_id,
         md5('session ' || s) AS session_id,
         CASE WHEN step > 0 THEN 'https://shop.example/' END AS referrer,
         CASE WHEN visitor % 20 <> 7 THEN (ARRAY['DE', 'US', 'IN', 'FR', 'GB', 'BR', 'JP', 'IT', 'ES', 'CA', 'NL',
           'PL', 'MX', 'AU', 'SE', 'TR', 'ID', 'VN', 'ZA', 'AR'])[floor(power(21, ${uniform('visitor', 2)}))] END AS country,
         'Springfield' AS city
  FROM (SELECT n, s, n % 5 AS step,
               CASE WHEN ${uniform('s', 3)} < 0.02 THEN 2400 ELSE 30 + 200 * ${uniform('s', 4)} END AS gap,
               floor(power(${PAGES}, ${uniform('n', 5)}))::bigint AS page,
               hashint8extended(s, 6) & 262143 AS visitor
        FROM (SELECT n, n / 5 AS s FROM generate_series(0, ${clicks - 1}::bigint) n) numbered) drawn`;
};

const PAGES = 100_000;

/** Fills click_data and geo_data. The aggregation never reads user_agent_data: it stays empty. */
export async function fillClicks(postgres: Postgres, shape: Clicks): Promise<void> {
  await withClient(postgres, `${postgres.name}:bench`, async (client) => {
    await ensureDays(client, postgres.name, daysOf(shape));
    for (const [family, columns] of [
      ['click_data', 'click_id, event_id, event_time, url, user_id, session_id, referrer'],
      ['geo_data', 'click_id, event_time, country, city'],
    ] as const)
      await client.query(
        `INSERT INTO ${family} (${columns}) SELECT ${columns} FROM (${madeUp(shape)}) made_up`,
      );
    await client.query('VACUUM ANALYZE click_data, geo_data');
  });
}

/** A hundredth of the hour's clicks once more, under ids of their own: what a batch of late events would add. */
export async function addLateClicks(postgres: Postgres, hour: number, nth: number): Promise<void> {
  await postgres.pool.query(
    `WITH late AS (SELECT c.*, g.country FROM click_data c JOIN geo_data g USING (click_id, event_time)
                   WHERE event_time >= $1::timestamptz AND event_time < $1::timestamptz + interval '1 hour'
                     AND click_id < 1000000000 AND click_id % 100 = $2),
     clicks AS (INSERT INTO click_data (click_id, event_id, event_time, url, user_id)
                SELECT click_id + 1000000000, md5('late ' || click_id)::uuid, event_time, url, user_id FROM late)
     INSERT INTO geo_data (click_id, event_time, country) SELECT click_id + 1000000000, event_time, country FROM late`,
    [new Date(hour).toISOString(), nth],
  );
}

/** What batches would have marked. */
export async function markHours(postgres: Postgres, hours: readonly number[]): Promise<void> {
  await postgres.pool.query(
    `INSERT INTO window_mark (window_start, batch_id) SELECT unnest($1::timestamptz[]), 'bench'`,
    [hours.map((ms) => new Date(ms).toISOString())],
  );
}
