/** The statements of an operator's word to go on past what Kafka no longer holds. */
import type pg from 'pg';
import type { OffsetRange } from '../../domain/stages.js';
import { batchIdOf } from './batchId.js';

type Queryable = Pick<pg.ClientBase, 'query'>;

/** The same word given again has the same id: a partition is skipped to an offset once. */
export const skipId = (incarnation: string, partition: number, to: bigint): string =>
  batchIdOf('skip', incarnation, partition, to.toString());
/** A former source is given up once. */
export const giveUpId = (incarnation: string): string => batchIdOf('made again', incarnation);

/** The ranges of a ledger row of kind `skip`; undefined: that word was not given yet. */
export async function skippedRanges(
  client: Queryable,
  batchId: string,
): Promise<readonly OffsetRange[] | undefined> {
  const { rows } = await client.query<{ ranges: OffsetRange[] }>(
    `SELECT ranges FROM batch WHERE batch_id = $1 AND kind = 'skip'`,
    [batchId],
  );
  return rows[0]?.ranges;
}

/** A row without records: its ranges say what was passed; none where that cannot be known. */
export async function writeSkip(
  client: Queryable,
  batchId: string,
  sourceId: number,
  ranges: readonly OffsetRange[],
): Promise<void> {
  await client.query(
    `INSERT INTO batch (batch_id, kind, source_id, ranges, records, persisted, duplicates, dead_letters, filtered)
     VALUES ($1, 'skip', $2, $3, 0, 0, 0, 0, 0)`,
    [batchId, sourceId, JSON.stringify(ranges)],
  );
}

/** How many of the topic's sources are incarnations of the log that Kafka shows under one id. */
export async function countIncarnations(
  client: Queryable,
  topic: string,
  incarnation: string,
): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM source WHERE topic = $1 AND split_part(incarnation, '#', 1) = $2`,
    [topic, incarnation],
  );
  return rows[0]?.n ?? 0;
}

/** Whether an operator declared the log of this source new, so that its offsets go on under another number. */
export async function isSuperseded(client: Queryable, sourceId: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM source old JOIN source new USING (topic)
      WHERE old.source_id = $1 AND new.source_id > old.source_id
        AND split_part(new.incarnation, '#', 1) = split_part(old.incarnation, '#', 1)`,
    [sourceId],
  );
  return (rowCount ?? 0) > 0;
}

export interface TopicSkips {
  readonly topic: string;
  /** Offsets passed, over all sources of the topic. */
  readonly offsets: number;
  /** How often a topic made again (or a log lost) was gone on with. */
  readonly madeAgain: number;
}

/** What operators skipped, per topic; topics without a skip are absent. */
export async function readSkips(client: Queryable): Promise<TopicSkips[]> {
  const { rows } = await client.query<{ topic: string; offsets: string; made_again: string }>(
    `SELECT s.topic, coalesce(sum(r.n), 0) AS offsets, count(*) FILTER (WHERE r.n IS NULL) AS made_again
       FROM batch b JOIN source s USING (source_id)
       LEFT JOIN LATERAL (SELECT (r->>'to')::bigint - (r->>'from')::bigint AS n
                            FROM jsonb_array_elements(b.ranges) r) r ON true
      WHERE b.kind = 'skip' GROUP BY s.topic ORDER BY s.topic`,
  );
  return rows.map(({ topic, offsets, made_again }) => ({
    topic,
    offsets: Number(offsets),
    madeAgain: Number(made_again),
  }));
}
