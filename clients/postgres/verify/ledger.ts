import type pg from 'pg';
import { readSkips } from '../skip.js';
import { NAMED, equal, type Check } from './check.js';

type Row = Record<string, string>;
const one = async (client: pg.ClientBase, sql: string): Promise<Row> => {
  const { rows } = await client.query<Row>(sql);
  return rows[0] ?? {};
};
const int = (row: Row, name: string): bigint => BigInt(row[name] ?? 0);

/** The equation: in the ledger, and of the ledger with the tables. */
export async function checkEquation(client: pg.ClientBase): Promise<Check[]> {
  const row = await one(
    client,
    `SELECT l.*, (SELECT count(*) FROM click_data) AS clicks, (SELECT count(*) FROM dead_letter) AS letters,
            (SELECT amount FROM retired WHERE what = 'clicks') AS dropped,
            (SELECT amount FROM retired WHERE what = 'dead_letters') AS expired,
            (SELECT coalesce(sum(n::bigint), 0) FROM batch, jsonb_each_text(filtered_by) AS r (reason, n)) AS reasons
     FROM (SELECT coalesce(sum(records), 0) AS records, coalesce(sum(persisted), 0) AS persisted,
                  coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(dead_letters), 0) AS dead_letters,
                  coalesce(sum(filtered), 0) AS filtered FROM batch) l`,
  );
  const sum =
    int(row, 'persisted') + int(row, 'duplicates') + int(row, 'dead_letters') + int(row, 'filtered');
  return [
    equal('the account balances', {
      records: int(row, 'records'),
      'persisted + duplicates + dead letters + filtered': sum,
    }),
    equal('clicks are those of the ledger', {
      persisted: int(row, 'persisted'),
      'rows of click_data + dropped by retention': int(row, 'clicks') + int(row, 'dropped'),
    }),
    equal('dead letters are those of the ledger', {
      'dead letters': int(row, 'dead_letters'),
      'rows of dead_letter + removed by retention': int(row, 'letters') + int(row, 'expired'),
    }),
    equal('every filtered record has its reason', {
      filtered: int(row, 'filtered'),
      'counted by reason': int(row, 'reasons'),
    }),
  ];
}

/** Offsets: the batches' ranges follow each other without gap or overlap from the start to the next offset. */
export async function checkOffsets(client: pg.ClientBase): Promise<Check> {
  const { rows } = await client.query<{ said: string }>(
    `WITH span AS (
       SELECT b.source_id, (r->>'partition')::int AS partition, (r->>'from')::bigint AS lo, (r->>'to')::bigint AS hi
       FROM batch b, jsonb_array_elements(b.ranges) r WHERE b.kind <> 'replay'
     ), walked AS (
       SELECT *, lag(hi) OVER w AS before, lead(lo) OVER w AS after
       FROM span WINDOW w AS (PARTITION BY source_id, partition ORDER BY lo, hi)
     )
     SELECT format('source %s partition %s: a batch begins at %s, expected %s', w.source_id, w.partition, w.lo,
                   coalesce(w.before, o.start_offset)) AS said
     FROM walked w LEFT JOIN ingest_offset o USING (source_id, partition)
     WHERE w.lo IS DISTINCT FROM coalesce(w.before, o.start_offset)
     UNION ALL
     SELECT format('source %s partition %s: next offset %s, the last batch ends at %s', o.source_id, o.partition,
                   o.next_offset, coalesce(w.hi, o.start_offset))
     FROM ingest_offset o LEFT JOIN walked w ON w.source_id = o.source_id AND w.partition = o.partition
       AND w.after IS NULL
     WHERE o.next_offset IS DISTINCT FROM coalesce(w.hi, o.start_offset)
     ORDER BY said`,
  );
  const skips = await readSkips(client);
  const named = skips.map(
    ({ topic, offsets, madeAgain }) =>
      `; ${offsets} offsets of ${topic} skipped by an operator${madeAgain > 0 ? ` (made again ${madeAgain}×)` : ''}`,
  );
  return {
    name: 'batches follow each other up to the committed offsets',
    ok: rows.length === 0,
    detail: (rows.length === 0 ? 'no gap, no overlap' : `${rows.length} breaks`) + named.join(''),
    ...(rows.length > 0 && { differences: rows.slice(0, NAMED).map((row) => row.said) }),
  };
}

/** Ids: every click and dead letter stands at a committed offset, once; families hold no row without a click. */
export async function checkIds(client: pg.ClientBase): Promise<Check[]> {
  const row = await one(
    client,
    `WITH skipped AS (
              SELECT b.source_id, (r->>'partition')::int AS partition, (r->>'from')::bigint AS lo, (r->>'to')::bigint AS hi
              FROM batch b, jsonb_array_elements(b.ranges) r WHERE b.kind = 'skip')
     SELECT (SELECT count(*) FROM click_data c LEFT JOIN ingest_offset o
               ON o.source_id = c.click_id >> 53 AND o.partition = ((c.click_id >> 40) & 8191)
             WHERE o.source_id IS NULL
                OR NOT (c.click_id & 1099511627775) BETWEEN o.start_offset AND o.next_offset - 1) AS stray,
            (SELECT count(*) FROM dead_letter d LEFT JOIN ingest_offset o USING (source_id, partition)
             WHERE o.source_id IS NULL OR NOT d.record_offset BETWEEN o.start_offset AND o.next_offset - 1)
              AS stray_letters,
            (SELECT count(*) FROM skipped s JOIN click_data c ON c.click_id >=
               (s.source_id::bigint << 53) | (s.partition::bigint << 40) | s.lo AND c.click_id <
               (s.source_id::bigint << 53) | (s.partition::bigint << 40) | s.hi) AS skipped_clicks,
            (SELECT count(*) FROM skipped s JOIN dead_letter d USING (source_id, partition)
             WHERE d.record_offset >= s.lo AND d.record_offset < s.hi) AS skipped_letters,
            (SELECT count(*) - count(DISTINCT click_id) FROM click_data) AS twice,
            (SELECT count(*) - count(DISTINCT (date_trunc('day', event_time, 'UTC'), event_id)) FROM click_data)
              AS events_twice,
            (SELECT count(*) FROM geo_data f WHERE NOT EXISTS (SELECT FROM click_data c
               WHERE c.click_id = f.click_id AND c.event_time = f.event_time)) +
            (SELECT count(*) FROM user_agent_data f WHERE NOT EXISTS (SELECT FROM click_data c
               WHERE c.click_id = f.click_id AND c.event_time = f.event_time)) AS orphans,
            (SELECT count(*) FROM dead_letter d JOIN click_data c ON c.click_id =
               (d.source_id::bigint << 53) | (d.partition::bigint << 40) | d.record_offset) AS both`,
  );
  const none = (name: string, columns: readonly string[], what: string): Check => {
    const found = columns.reduce((sum, column) => sum + int(row, column), 0n);
    return { name, ok: found === 0n, detail: found === 0n ? 'none' : `${String(found)} ${what}` };
  };
  return [
    none('nothing beyond the committed offsets', ['stray', 'stray_letters'], 'rows outside of them'),
    none('nothing in what was skipped', ['skipped_clicks', 'skipped_letters'], 'rows in skipped ranges'),
    none('nothing twice', ['twice', 'events_twice', 'both'], 'records or events twice'),
    none('no family row without its click', ['orphans'], 'rows without a click'),
  ];
}
