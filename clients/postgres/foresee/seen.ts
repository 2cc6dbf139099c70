/** What of some records PostgreSQL already has: questions only, nothing is locked or changed. */
import type pg from 'pg';

type Queryable = Pick<pg.ClientBase, 'query'>;

export interface WantedClick {
  /** 16 bytes. */
  readonly eventId: Uint8Array;
  /** µs since 1970. */
  readonly timeUs: bigint;
}

/** Which of the events (by their place in the list) have a click on the UTC day of their time. */
export async function seenClicks(
  client: Queryable,
  wanted: readonly WantedClick[],
): Promise<ReadonlySet<number>> {
  const { rows } = await client.query<{ n: string }>(
    // One look into one leaf's index per event; LIMIT keeps the planner from joining whole tables instead.
    `SELECT w.n FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS w(event_id, day, n),
       LATERAL (SELECT FROM click_data c
                 WHERE c.event_id = w.event_id AND c.event_time >= w.day AND c.event_time < w.day + interval '1 day'
                 LIMIT 1) found`,
    [wanted.map((w) => uuidText(w.eventId)), wanted.map((w) => dayStart(w.timeUs))],
  );
  return new Set(rows.map((row) => Number(row.n) - 1));
}

export interface WantedLetter {
  readonly partition: number;
  readonly offset: bigint;
  /** 16 bytes, where it could be read. */
  readonly eventId: Uint8Array | undefined;
}

/** Which of the records of a source (by their place in the list) are dead letters, by event id or by coordinates. */
export async function seenDeadLetters(
  client: Queryable,
  sourceId: number,
  wanted: readonly WantedLetter[],
): Promise<ReadonlySet<number>> {
  const { rows } = await client.query<{ n: string }>(
    `SELECT w.n FROM unnest($2::int[], $3::bigint[], $4::uuid[]) WITH ORDINALITY AS w(partition, record_offset, event_id, n)
      WHERE EXISTS (SELECT FROM dead_letter d WHERE d.source_id = $1 AND d.event_id = w.event_id)
         OR EXISTS (SELECT FROM dead_letter d WHERE d.source_id = $1 AND d.partition = w.partition
                       AND d.record_offset = w.record_offset)`,
    [
      sourceId,
      wanted.map((w) => w.partition),
      wanted.map((w) => w.offset.toString()),
      wanted.map((w) => w.eventId && uuidText(w.eventId)),
    ],
  );
  return new Set(rows.map((row) => Number(row.n) - 1));
}

export const uuidText = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

const DAY_MS = 86_400_000;
const dayStart = (timeUs: bigint): string =>
  new Date(Math.floor(Number(timeUs) / 1000 / DAY_MS) * DAY_MS).toISOString();
