/** The clicks of one figure, kept in the temporary table `explain_click` for the rest of the transaction. */
import type pg from 'pg';
import type { Config } from '../../../domain/config/config.js';
import { lookaheadMs } from '../aggregate/source.js';
import { followedClicks } from '../verify/followed.js';
import { windowText, type FigureKey } from './figure.js';
import type { Window } from './window.js';

/** How far from a click the next one is named as too late, so many time-outs; by whichever window it is asked for. */
const NAMED_WITHIN = 4;

/** A click is late whose batch was committed so long after it. */
const LATE = "interval '1 hour'";

/** How a click came to its time, or why it has none. */
const HOW = `CASE WHEN own IS NOT NULL THEN 'own' WHEN spent IS NOT NULL THEN 'next' WHEN visit IS NULL THEN 'no_session'
                  WHEN next_at IS NULL THEN 'last' ELSE 'timed_out' END`;
export type How = 'own' | 'next' | 'no_session' | 'last' | 'timed_out';

/** Kafka's coordinates out of a click_id. */
const coordinates = (id: string): string =>
  `(${id} >> 53)::int AS source_id, ((${id} >> 40) & 8191)::int AS partition, ${id} & 1099511627775 AS record_offset`;

/** Finds the clicks, by one pass over the window (and what follows it within the session time-out). */
export async function keepClicks(
  client: pg.ClientBase,
  config: Config,
  { url, country }: FigureKey,
  window: Window | null,
): Promise<void> {
  const spans =
    window === null ? undefined : [{ ...window, to: window.to + NAMED_WITHIN * lookaheadMs(config) }];
  const isNamed = `next_at - at <= interval '${NAMED_WITHIN * Math.round(config.analyze.sessionTimeoutMs)} milliseconds'`;
  const next = ['next_at', 'next_click_id', 'next_url'];
  const clicks = followedClicks(config, ['click_id', 'url'], spans);
  await client.query(
    `CREATE TEMPORARY TABLE explain_click ON COMMIT DROP AS
     SELECT *, ${HOW} AS how FROM (
       SELECT click_id, event_id, at, person, visit, is_bot, own, own_beyond, spent, url, country,
              ${next.map((column) => `CASE WHEN ${isNamed} THEN ${column} END AS ${column}`).join(', ')},
              ${coordinates('click_id')}
       FROM (${clicks}) clicks) named
     WHERE url = $1 AND country = $2 AND ($3::timestamptz IS NULL OR at >= $3 AND at < $4::timestamptz)`,
    [url, country, windowText(window?.from ?? null), windowText(window?.to ?? null)],
  );
  await client.query('ANALYZE explain_click');
}

/** Which batch brought each click: `explain_batch (click_id, batch_id, committed_at)`. */
export async function keepBatches(client: pg.ClientBase): Promise<void> {
  await client.query(
    `CREATE TEMPORARY TABLE explain_span ON COMMIT DROP AS
     SELECT s.* FROM (
       SELECT b.source_id, (r->>'partition')::int AS partition, (r->>'from')::bigint AS lo, (r->>'to')::bigint AS hi,
              b.batch_id, b.committed_at
       FROM batch b, jsonb_array_elements(b.ranges) r WHERE b.kind <> 'skip') s
     JOIN (SELECT source_id, partition, min(record_offset) AS first, max(record_offset) AS last
           FROM explain_click GROUP BY 1, 2) c USING (source_id, partition)
     WHERE s.lo <= c.last AND s.hi > c.first`,
  );
  // In the very order of the search below, or each click would sort all spans before it.
  await client.query(
    'CREATE INDEX ON explain_span (source_id, partition, lo, committed_at); ANALYZE explain_span',
  );
  // A replay stands inside the batch that found the dead letter: it begins later, or was committed later.
  await client.query(
    `CREATE TEMPORARY TABLE explain_batch ON COMMIT DROP AS
     SELECT c.click_id, s.batch_id, s.committed_at FROM explain_click c CROSS JOIN LATERAL (
       SELECT * FROM explain_span s
       WHERE s.source_id = c.source_id AND s.partition = c.partition AND s.lo <= c.record_offset AND s.hi > c.record_offset
       ORDER BY s.lo DESC, s.committed_at DESC LIMIT 1) s`,
  );
  await client.query('CREATE UNIQUE INDEX ON explain_batch (click_id); ANALYZE explain_batch');
}

export interface ClickSums {
  readonly clicks: string;
  readonly bots: string;
  readonly users: string;
  readonly timed: string;
  readonly timeSpentMs: string;
  readonly medianMs: number | null;
  readonly p90Ms: number | null;
  readonly late: string;
  /** Clicks with an own time that is too large to be one, and so counts as missing. */
  readonly ownBeyond: string;
  /** Clicks with an own time below 0, which counts as it is. */
  readonly ownNegative: string;
  readonly byHow: Readonly<Record<How, number>>;
}

type SumsRow = Omit<ClickSums, 'byHow'> & Readonly<Record<How, string>>;

/** Sums over all of them. */
export async function sumClicks(client: pg.ClientBase): Promise<ClickSums> {
  const { rows } = await client.query<SumsRow>(
    `SELECT count(*) AS clicks, count(*) FILTER (WHERE is_bot) AS bots, count(DISTINCT person) AS users,
            count(spent) AS timed, coalesce(sum(spent), 0)::text AS "timeSpentMs",
            percentile_cont(0.5) WITHIN GROUP (ORDER BY spent) AS "medianMs",
            percentile_cont(0.9) WITHIN GROUP (ORDER BY spent) AS "p90Ms",
            count(*) FILTER (WHERE b.committed_at - at >= ${LATE}) AS late,
            count(*) FILTER (WHERE own_beyond) AS "ownBeyond", count(*) FILTER (WHERE own < 0) AS "ownNegative",
            count(*) FILTER (WHERE how = 'own') AS own, count(*) FILTER (WHERE how = 'next') AS next,
            count(*) FILTER (WHERE how = 'no_session') AS no_session, count(*) FILTER (WHERE how = 'last') AS last,
            count(*) FILTER (WHERE how = 'timed_out') AS timed_out
     FROM explain_click LEFT JOIN explain_batch b USING (click_id)`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('PostgreSQL gave no sums');
  const { own, next, no_session, last, timed_out, ...sums } = row;
  return {
    ...sums,
    byHow: {
      own: Number(own),
      next: Number(next),
      no_session: Number(no_session),
      last: Number(last),
      timed_out: Number(timed_out),
    },
  };
}

export interface FoundClick {
  readonly clickId: string;
  readonly eventId: string;
  /** ISO, to the µs. */
  readonly at: string;
  readonly user: string | null;
  readonly session: string | null;
  readonly isBot: boolean;
  readonly how: How;
  readonly ownBeyond: boolean;
  readonly spentMs: string | null;
  /** The next click of the session; null: there is none within four time-outs. */
  readonly nextAt: string | null;
  readonly nextClickId: string | null;
  readonly nextUrl: string | null;
  readonly topic: string | null;
  readonly partition: number;
  readonly offset: string;
  readonly batchId: string | null;
  readonly committedAt: string | null;
  readonly isLate: boolean | null;
}

const iso = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The first so many by time. */
export async function firstClicks(client: pg.ClientBase, limit: number): Promise<FoundClick[]> {
  const { rows } = await client.query<FoundClick>(
    `SELECT c.click_id AS "clickId", c.event_id AS "eventId", ${iso('c.at')} AS at, c.person AS "user",
            c.visit AS session, c.is_bot AS "isBot", c.how, c.own_beyond AS "ownBeyond", c.spent AS "spentMs",
            ${iso('c.next_at')} AS "nextAt",
            c.next_click_id AS "nextClickId", c.next_url AS "nextUrl", s.topic, c.partition,
            c.record_offset AS "offset", b.batch_id AS "batchId", ${iso('b.committed_at')} AS "committedAt",
            b.committed_at - c.at >= ${LATE} AS "isLate"
     FROM (SELECT * FROM explain_click ORDER BY at, event_id LIMIT $1) c
       LEFT JOIN explain_batch b USING (click_id) LEFT JOIN source s USING (source_id)
     ORDER BY c.at, c.event_id`,
    [limit],
  );
  return rows.map((row) =>
    row.session === null ? { ...row, nextAt: null, nextClickId: null, nextUrl: null } : row,
  );
}
