import type pg from 'pg';
import { ConfigurationError, OffsetOutOfRange } from '../../domain/errors.js';
import { madeAgain } from '../../domain/gap.js';
import type { Position } from '../../domain/stages.js';
import { inTransaction } from './pool.js';

type Queryable = Pick<pg.ClientBase, 'query'>;

/** 10 bits of click_id. */
const MAX_SOURCE = 1023;
/** 13 bits of click_id. */
export const MAX_PARTITION = 8191;

/**
 * click_id, the join key of the families: source (10 bits), partition (13), offset (40). Made once a row, so in
 * halves of 32 bits and without a bigint; offsets beyond 40 bits are refused by the table of offsets.
 */
export const clickIdHigh = (sourceId: number, partition: number, offset: number): number =>
  (sourceId << 21) | (partition << 8) | Math.floor(offset / 2 ** 32);
export const clickIdLow = (offset: number): number => offset | 0;
/** The same, whole, for the few rows of a replay. */
export const clickIdOf = (sourceId: number, partition: number, offset: bigint): bigint =>
  (BigInt(sourceId) << 53n) | (BigInt(partition) << 40n) | offset;
export const partitionOfClick = (id: bigint): number => Number((id >> 40n) & 8191n);
export const offsetOfClick = (id: bigint): bigint => id & ((1n << 40n) - 1n);

/** One incarnation of a topic, as this installation numbers it. */
export interface Source {
  readonly sourceId: number;
  /** Kafka's; a log that an operator declared new while Kafka's id stayed carries `#2`, `#3` … behind it. */
  readonly incarnation: string;
}

/** Whether a stored incarnation is the one that Kafka shows now. */
export const isIncarnation = (stored: string, now: string): boolean =>
  stored === now || stored.startsWith(`${now}#`);

/** The topic's latest source; with `before`, the one that came before that. */
export async function latestSource(
  client: Queryable,
  topic: string,
  before: number = MAX_SOURCE + 1,
): Promise<Source | undefined> {
  const { rows } = await client.query<{ source_id: number; incarnation: string }>(
    `SELECT source_id, incarnation FROM source
      WHERE topic = $1 AND source_id < $2 ORDER BY source_id DESC LIMIT 1`,
    [topic, before],
  );
  const [row] = rows;
  return row === undefined ? undefined : { sourceId: row.source_id, incarnation: row.incarnation };
}

/** Keeps others from numbering sources until the transaction ends. */
export async function lockSources(client: Queryable): Promise<void> {
  await client.query('LOCK TABLE source IN SHARE ROW EXCLUSIVE MODE');
}

/** The number that a topic's next incarnation gets. */
export async function nextSourceId(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ next: number }>(
    'SELECT coalesce(max(source_id) + 1, 0)::int AS next FROM source',
  );
  return rows[0]?.next ?? 0;
}

/** Draws a number for an incarnation, under `lockSources`. @throws ConfigurationError: all numbers are in use */
export async function addSource(client: Queryable, topic: string, incarnation: string): Promise<Source> {
  const sourceId = await nextSourceId(client);
  if (sourceId > MAX_SOURCE)
    throw new ConfigurationError(`all ${MAX_SOURCE + 1} numbers of sources are in use by this installation`);
  await client.query('INSERT INTO source (source_id, topic, incarnation) VALUES ($1, $2, $3)', [
    sourceId,
    topic,
    incarnation,
  ]);
  return { sourceId, incarnation };
}

/**
 * The topic's present incarnation, numbered at its first sight.
 * @throws OffsetOutOfRange: the topic was made again since
 */
export async function sourceOf(client: pg.ClientBase, topic: string, incarnation: string): Promise<Source> {
  const found =
    (await latestSource(client, topic)) ??
    (await inTransaction(client, async () => {
      await lockSources(client);
      return (await latestSource(client, topic)) ?? (await addSource(client, topic, incarnation));
    }));
  if (!isIncarnation(found.incarnation, incarnation))
    throw topicMadeAgain(
      topic,
      found.incarnation,
      incarnation,
      asPositions(await nextOffsets(client, found.sourceId)),
    );
  return found;
}

export const topicMadeAgain = (
  topic: string,
  before: string,
  now: string,
  stored?: readonly Position[],
): OffsetOutOfRange => new OffsetOutOfRange(madeAgain(topic, before, now, stored));

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

/** The counts in force, by topic. */
export async function readShards(client: Queryable): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ topic: string; shards: number }>(
    'SELECT topic, shards FROM shard_count',
  );
  return new Map(rows.map(({ topic, shards }) => [topic, shards]));
}

/** Changes nothing when the count is not `from` any more. */
export async function setShards(client: Queryable, topic: string, from: number, to: number): Promise<void> {
  await client.query('UPDATE shard_count SET shards = $3 WHERE topic = $1 AND shards = $2', [
    topic,
    from,
    to,
  ]);
}

/** Whoever changes a topic's count of shards holds this lock of the session. @returns whether it is ours now */
export async function tryLockShards(client: Queryable, topic: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_lock(hashtext('clickstream shards ' || current_schema), hashtext($1)) AS locked`,
    [topic],
  );
  return rows[0]?.locked === true;
}
export async function unlockShards(client: Queryable, topic: string): Promise<void> {
  await client.query(
    `SELECT pg_advisory_unlock(hashtext('clickstream shards ' || current_schema), hashtext($1))`,
    [topic],
  );
}

export const asPositions = (offsets: ReadonlyMap<number, bigint>): Position[] =>
  [...offsets]
    .sort(([a], [b]) => a - b)
    .map(([partition, offset]) => ({ partition, offset: offset.toString() }));
