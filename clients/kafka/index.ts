import type { Kafka } from 'kafkajs';
import type { Servers } from '../../domain/config/config.js';
import { gapOf } from '../../domain/gap.js';
import { OffsetOutOfRange, ServerRefused, ServerUnavailable } from '../../domain/errors.js';
import { silentLogger, type Logger } from '../../domain/logger.js';
import type { FetchedPartition, KafkaClient } from './client.js';
import { loadCodecs } from './codecs.js';
import { moved, TopicConnection } from './connection.js';
import { createTopic } from './createTopic.js';
import { FrameMemory } from './frames.js';
import { KAFKA, leaderMoved } from './errors.js';
import { fetchRaw, type RawPartition } from './fetch.js';
import { newKafka, READ_COMMITTED } from './internals.js';
import { largestBatch } from './largestBatch.js';
import { knowsTopicIds, topicIdentity } from './metadata.js';
import { produce } from './produce.js';
import { walkRecordSet } from './recordBatch.js';

export type * from './client.js';
export { isUnknownTopic } from './errors.js';

/** Special timestamps of ListOffsets. */
const LATEST = -1;
const EARLIEST = -2;

/** Kafka by offset range. Nothing connects before the first call; connections are kept per topic and lane. */
export function openKafka(servers: Servers, clientId: string, logger: Logger = silentLogger): KafkaClient {
  const connections = new Map<string, TopicConnection>();
  const memory = new FrameMemory();
  let kafka: Kafka | undefined;
  let warnedOfIds = false;
  let isClosed = false;
  const api = (): Kafka => (kafka ??= newKafka(servers, clientId));

  const connection = (topic: string, lane: string): TopicConnection => {
    if (isClosed) throw new Error('the connection to Kafka is closed');
    const key = `${topic}\n${lane}`;
    const known = connections.get(key);
    if (known !== undefined) return known;
    const made = new TopicConnection(servers, clientId, topic, memory);
    connections.set(key, made);
    return made;
  };

  const incarnation = async (topic: string, at: TopicConnection, signal?: AbortSignal): Promise<string> =>
    at.run(`asking Kafka for the id of topic ${topic}`, signal, async (cluster) => {
      const broker = await cluster.brokerPool.findConnectedBroker();
      if (!knowsTopicIds(broker)) {
        if (!warnedOfIds)
          logger.warn(
            { topic },
            'Kafka tells no topic ids: a topic made again cannot be told from its namesake',
          );
        warnedOfIds = true;
        return `${cluster.brokerPool.metadata?.clusterId ?? 'unknown'}/${topic}`;
      }
      const identity = await topicIdentity(broker, topic);
      if (identity.errorCode === KAFKA.topicAuthorization)
        throw new ServerRefused('Kafka', `the right to describe topic ${topic} is missing`);
      if (identity.errorCode !== KAFKA.none)
        throw moved(`topic ${topic}: Kafka answers with error code ${identity.errorCode}`);
      return identity.topicId;
    });

  const listOffsets = async (
    topic: string,
    partitions: readonly number[],
    timestamp: number,
    signal?: AbortSignal,
  ): Promise<Map<number, bigint>> => {
    const at = connection(topic, 'offsets');
    return at.run(`asking Kafka for offsets of topic ${topic}`, signal, async (cluster) => {
      const offsets = new Map<number, bigint>();
      for (const [broker, list] of await at.leaders(cluster, partitions)) {
        const { responses } = await broker.listOffsets({
          isolationLevel: READ_COMMITTED,
          topics: [
            {
              topic,
              partitions: list.map((partition) => ({ partition, timestamp: String(timestamp) })),
            },
          ],
        });
        for (const { partition, offset } of responses.flatMap((r) => r.partitions))
          offsets.set(partition, BigInt(offset));
      }
      return offsets;
    });
  };

  const gaps = async (
    topic: string,
    offsets: ReadonlyMap<number, bigint>,
    signal?: AbortSignal,
  ): Promise<readonly string[]> => {
    const partitions = [...offsets.keys()];
    const earliest = await listOffsets(topic, partitions, EARLIEST, signal);
    const ends = await listOffsets(topic, partitions, LATEST, signal);
    return [...offsets].flatMap(([partition, next]) => {
      const log = { earliest: earliest.get(partition) ?? 0n, end: ends.get(partition) ?? 0n };
      return gapOf({ topic, partition, next, ...log }) ?? [];
    });
  };

  const check = async (
    topic: string,
    answered: readonly RawPartition[],
    from: ReadonlyMap<number, bigint>,
    signal?: AbortSignal,
  ): Promise<void> => {
    for (const { partition, errorCode } of answered) {
      if (errorCode === KAFKA.none) continue;
      if (errorCode === KAFKA.offsetOutOfRange) {
        const found = await gaps(topic, from, signal);
        if (found.length > 0) throw new OffsetOutOfRange(found.join('\n'));
        throw moved(`topic ${topic}: the log of partition ${partition} changes`);
      }
      if (leaderMoved(errorCode) || errorCode === KAFKA.unknownTopic)
        throw moved(`partition ${partition} of ${topic} has moved (error code ${errorCode})`);
      if (errorCode === KAFKA.topicAuthorization)
        throw new ServerRefused('Kafka', `the right to read topic ${topic} is missing`);
      throw new ServerUnavailable(
        'Kafka',
        `fetching partition ${partition} of ${topic}: Kafka answers with error code ${errorCode}`,
      );
    }
  };

  return {
    describe: async (topic, signal) => {
      const at = connection(topic, 'describe');
      const known = await at.partitions(`asking Kafka about topic ${topic}`, signal);
      const partitions = known.map((p) => p.partitionId);
      return {
        topic,
        incarnation: await incarnation(topic, at, signal),
        partitions: partitions.sort((a, b) => a - b),
      };
    },
    earliestOffsets: (topic, partitions, signal) => listOffsets(topic, partitions, EARLIEST, signal),
    lastStableOffsets: (topic, partitions, signal) => listOffsets(topic, partitions, LATEST, signal),
    offsetsForTime: async (topic, partitions, timeMs, signal) => {
      const found = await listOffsets(topic, partitions, timeMs, signal);
      const missing = partitions.filter((p) => (found.get(p) ?? -1n) < 0n);
      if (missing.length > 0)
        for (const [p, end] of await listOffsets(topic, missing, LATEST, signal)) found.set(p, end);
      return found;
    },
    gaps,
    fetch: async (topic, from, { maxWaitMs, maxBytes, lane, signal }) => {
      await loadCodecs();
      const at = connection(topic, `fetch ${lane}`);
      const answered = await at.run(`fetching topic ${topic}`, signal, async (cluster) => {
        const leaders = await at.leaders(cluster, at.rotate([...from.keys()]));
        const answers = await Promise.all(
          [...leaders].map(([broker, list]) =>
            fetchRaw(broker, {
              topic,
              from: list.map((partition) => ({ partition, offset: from.get(partition) ?? 0n })),
              maxWaitMs,
              maxBytes,
            }),
          ),
        );
        const all = answers.flat();
        await check(topic, all, from, signal);
        return all;
      });
      return answered
        .filter((p) => p.recordSet.length > 0)
        .map(({ partition, lastStableOffset, aborted, recordSet }): FetchedPartition => ({
          partition,
          lastStableOffset,
          largest: largestBatch(recordSet),
          memory: recordSet.buffer,
          items: {
            [Symbol.iterator]: () => walkRecordSet(recordSet, partition, from.get(partition) ?? 0n, aborted),
          },
        }));
    },
    release: (fetched) => {
      for (const used of new Set(fetched.map((part) => part.memory))) memory.giveBack(used);
    },
    commitGroupOffsets: async (group, topic, positions) => {
      if (positions.length === 0) return;
      const doing = `committing offsets of group ${group}`;
      await connection(topic, 'group').run(doing, undefined, async (cluster) => {
        const coordinator = await cluster.findGroupCoordinator({ groupId: group });
        // Without generation and member: accepted as long as nobody consumes as this group.
        const none = { groupGenerationId: -1, memberId: '' };
        await coordinator.offsetCommit({
          ...none,
          groupId: group,
          topics: [{ topic, partitions: [...positions] }],
        });
      });
    },
    createTopic: (topic, partitions) => createTopic(api(), connection(topic, 'describe'), partitions),
    produce: async (topic, records, options = {}) => {
      const doing = `producing to topic ${topic}`;
      const partitions = await connection(topic, 'describe').partitions(doing, options.signal);
      return produce(api(), topic, partitions, records, options);
    },
    close: async () => {
      isClosed = true;
      const all = [...connections.values()];
      connections.clear();
      await Promise.all(all.map((c) => c.close()));
    },
  };
}
