import type pg from 'pg';
import { ConfigurationError, OffsetOutOfRange } from '../../domain/errors.js';
import type { Position } from '../../domain/stages.js';
import { inTransaction } from './pool.js';

type Queryable = Pick<pg.ClientBase, 'query'>;

/** 10 bits of click_id. */
const MAX_SOURCE = 1023;
/** 13 bits of click_id. */
export const MAX_PARTITION = 8191;

/** The join key of the families: source (10 bits), partition (13), offset (40). */
export const clickId = (sourceId: number, partition: number, offset: bigint): bigint =>
  (BigInt(sourceId) << 53n) | (BigInt(partition) << 40n) | offset;
export const partitionOfClick = (id: bigint): number => Number((id >> 40n) & 8191n);
export const offsetOfClick = (id: bigint): bigint => id & ((1n << 40n) - 1n);

/**
 * The number of a topic's present incarnation, drawn at its first sight.
 * @throws OffsetOutOfRange: the topic was made again since
 */
export async function sourceOf(client: pg.ClientBase, topic: string, incarnation: string): Promise<number> {
  const latest = async (): Promise<{ source_id: number; incarnation: string } | undefined> =>
    (
      await client.query<{ source_id: number; incarnation: string }>(
        'SELECT source_id, incarnation FROM source WHERE topic = $1 ORDER BY source_id DESC LIMIT 1',
        [topic],
      )
    ).rows[0];
  const found =
    (await latest()) ??
    (await inTransaction(client, async () => {
      await client.query('LOCK TABLE source IN SHARE ROW EXCLUSIVE MODE');
      const other = await latest();
      if (other !== undefined) return other;
      const { rows } = await client.query<{ next: number }>(
        'SELECT coalesce(max(source_id) + 1, 0)::int AS next FROM source',
      );
      const next = rows[0]?.next ?? 0;
      if (next > MAX_SOURCE)
        throw new ConfigurationError(
          `all ${MAX_SOURCE + 1} numbers of sources are in use by this installation`,
        );
      await client.query('INSERT INTO source (source_id, topic, incarnation) VALUES ($1, $2, $3)', [
        next,
        topic,
        incarnation,
      ]);
      return { source_id: next, incarnation };
    }));
  if (found.incarnation !== incarnation) throw topicMadeAgain(topic, found.incarnation, incarnation);
  return found.source_id;
}

export const topicMadeAgain = (topic: string, before: string, now: string): OffsetOutOfRange =>
  new OffsetOutOfRange(
    `topic ${topic} was made again (id ${before}, now ${now}): what the former one still held beyond the ` +
      `stored offsets is gone. Nothing goes on before an operator has decided; the command for it comes in a later version`,
  );

/** Next offsets of a source, ascending by partition. */
export async function nextOffsets(client: Queryable, sourceId: number): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await client.query<{ partition: number; next_offset: string }>(
    'SELECT partition, next_offset FROM ingest_offset WHERE source_id = $1 ORDER BY partition',
    [sourceId],
  );
  return new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
}

/** Of all sources, for the spool's sweep. */
export async function allNextOffsets(client: Queryable): Promise<ReadonlyMap<string, bigint>> {
  const { rows } = await client.query<{ source_id: number; partition: number; next_offset: string }>(
    'SELECT source_id, partition, next_offset FROM ingest_offset',
  );
  return new Map(rows.map((row) => [`${row.source_id}/${row.partition}`, BigInt(row.next_offset)]));
}

/** Gives partitions that have no offset yet one; whoever came first decided. */
export async function startOffsets(
  client: Queryable,
  sourceId: number,
  starts: ReadonlyMap<number, bigint>,
): Promise<void> {
  await client.query(
    `INSERT INTO ingest_offset (source_id, partition, start_offset, next_offset)
     SELECT $1, p, o, o FROM unnest($2::int[], $3::bigint[]) AS t(p, o)
     ON CONFLICT DO NOTHING`,
    [sourceId, [...starts.keys()], [...starts.values()].map(String)],
  );
}

/** The latest incarnation's next offsets of a topic; empty before anything was ingested. */
export async function topicOffsets(client: Queryable, topic: string): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await client.query<{ partition: number; next_offset: string }>(
    `SELECT partition, next_offset FROM ingest_offset
      WHERE source_id = (SELECT max(source_id) FROM source WHERE topic = $1) ORDER BY partition`,
    [topic],
  );
  return new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
}

/** The shard count in force: recorded at the first use of a topic. */
export async function recordedShards(client: Queryable, topic: string, wanted: number): Promise<number> {
  await client.query('INSERT INTO shard_count (topic, shards) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    topic,
    wanted,
  ]);
  const { rows } = await client.query<{ shards: number }>('SELECT shards FROM shard_count WHERE topic = $1', [
    topic,
  ]);
  return rows[0]?.shards ?? wanted;
}

export const asPositions = (offsets: ReadonlyMap<number, bigint>): Position[] =>
  [...offsets]
    .sort(([a], [b]) => a - b)
    .map(([partition, offset]) => ({ partition, offset: offset.toString() }));
