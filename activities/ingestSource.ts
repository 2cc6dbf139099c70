import type { KafkaClient, TopicDescription } from '../clients/kafka/client.js';
import {
  MAX_PARTITION,
  nextOffsets,
  recordedShards,
  sourceOf,
  startOffsets,
} from '../clients/postgres/offsets.js';
import { withClient } from '../clients/postgres/pool.js';
import { beginningText } from '../domain/beginning.js';
import type { Config } from '../domain/config/config.js';
import { ConfigurationError } from '../domain/errors.js';
import type { IngestDeps } from './deps.js';

/** A topic as it is now, in Kafka and in PostgreSQL. */
export interface IngestSource {
  readonly description: TopicDescription;
  readonly sourceId: number;
  /** As stored: what batch ids are made of. */
  readonly incarnation: string;
  /** Of every partition, those that nobody has read yet included. */
  readonly next: ReadonlyMap<number, bigint>;
  /** The count of shards in force. */
  readonly shards: number;
  /** The count that this worker is configured for. */
  readonly wantedShards: number;
}

/** Two lanes are what two cores can use. Only for a topic's first sight: what is recorded then stays without a setting. */
export const DEFAULT_SHARDS = 2;

/**
 * Looks the topic up and gives partitions without an offset one: by `kafka.start` where the topic is new to this
 * installation, else (a partition added later) at their earliest. All partitions at once, whoever comes first,
 * so that no shard takes another's offsets for a sign that the topic is known.
 * @throws OffsetOutOfRange: the topic was made again
 */
export async function openSource(
  deps: Pick<IngestDeps, 'kafka' | 'postgres' | 'config' | 'logger'>,
  topic: string,
  signal?: AbortSignal,
): Promise<IngestSource> {
  const { kafka, postgres, config, logger } = deps;
  const description = await kafka.describe(topic, signal);
  const { partitions } = description;
  const highest = partitions.at(-1) ?? 0;
  if (highest > MAX_PARTITION)
    throw new ConfigurationError(
      `topic ${topic} has partition ${highest}; partitions 0 to ${MAX_PARTITION} can be ingested`,
    );
  return withClient(postgres, `${postgres.name}:source`, async (client) => {
    const { sourceId, incarnation } = await sourceOf(client, topic, description.incarnation);
    const configured = config.ingest.shards;
    // A shard beyond the partitions would have nothing to read.
    const possible = (count: number): number => Math.max(1, Math.min(partitions.length, count));
    const shards = await recordedShards(client, topic, possible(configured ?? DEFAULT_SHARDS));
    const wantedShards = possible(configured ?? shards);
    let next = await nextOffsets(client, sourceId);
    const missing = partitions.filter((p) => !next.has(p));
    if (missing.length > 0) {
      const begins = await beginnings(deps, topic, missing, next.size === 0, signal);
      await startOffsets(client, sourceId, begins);
      if (next.size === 0) {
        const earliest = await kafka.earliestOffsets(topic, missing, signal);
        logger.info({ topic }, beginningText(topic, config.kafka.start, begins, earliest));
      }
      next = await nextOffsets(client, sourceId);
    }
    return { description, sourceId, incarnation, next, shards, wantedShards };
  });
}

/**
 * Where ingestion begins with partitions that have no offset yet.
 * @param isNew whether the topic is new to this installation; else they were added later
 */
export function beginnings(
  { kafka, config }: { readonly kafka: KafkaClient; readonly config: Config },
  topic: string,
  partitions: readonly number[],
  isNew: boolean,
  signal?: AbortSignal,
): Promise<ReadonlyMap<number, bigint>> {
  const { start } = config.kafka;
  if (start === 'earliest' || !isNew) return kafka.earliestOffsets(topic, partitions, signal);
  if (start === 'latest') return kafka.lastStableOffsets(topic, partitions, signal);
  return kafka.offsetsForTime(topic, partitions, Date.parse(start.time), signal);
}
