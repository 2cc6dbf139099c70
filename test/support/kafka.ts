/** Topics of a test file's own on the shared Kafka, and a reader of everything in them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel, Partitioners, type Admin, type Producer, type ProducerConfig } from 'kafkajs';
import { openKafka, type FetchedRecord, type KafkaClient, type Passed } from '../../clients/kafka/index.js';
import type { Servers } from '../../domain/config/config.js';
import { parseServers } from '../../domain/config/servers.js';

export interface ReadBack {
  readonly records: readonly FetchedRecord[];
  /** Where the walk ended. */
  readonly next: bigint;
  /** Fetches that it took. */
  readonly rounds: number;
}

export interface TestKafka {
  readonly servers: Servers;
  /** The client of the project. */
  readonly kafka: KafkaClient;
  /** kafkajs as it is, for what our producer does not do. */
  readonly raw: Kafka;
  /** Four random bytes, in the names of all topics. */
  readonly run: string;
  readonly topicOf: (what: string, options?: TopicOptions) => Promise<string>;
  readonly withAdmin: <T>(use: (admin: Admin) => Promise<T>) => Promise<T>;
  readonly withProducer: <T>(use: (producer: Producer) => Promise<T>, options?: ProducerConfig) => Promise<T>;
  /** Everything of partition 0 up to the last stable offset. */
  readonly readAll: (topic: string, maxBytes?: number) => Promise<ReadBack>;
  /** Deletes the topics and closes the connections. */
  readonly close: () => Promise<void>;
}

export interface TopicOptions {
  readonly partitions?: number;
  /** Settings of the topic, e.g. `{ 'compression.type': 'lz4' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export function openTestKafka(servers: Servers = parseServers(process.env)): TestKafka {
  const kafka = openKafka(servers, 'clickstream-test');
  const raw = new Kafka({ brokers: [...servers.kafka.brokers], logLevel: logLevel.NOTHING });
  const run = randomBytes(4).toString('hex');
  const topics: string[] = [];
  const withAdmin = async <T>(use: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = raw.admin();
    await admin.connect();
    try {
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  };
  return {
    withAdmin,
    servers,
    kafka,
    raw,
    run,
    async topicOf(what, { partitions = 1, settings = {} } = {}) {
      const topic = `test_kafka_${what}_${run}`;
      topics.push(topic);
      await withAdmin((admin) =>
        admin.createTopics({
          // kafkajs fails when the broker that it asks has not heard of the new topic yet.
          waitForLeaders: false,
          topics: [
            {
              topic,
              numPartitions: partitions,
              configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
            },
          ],
        }),
      );
      await kafka.lastStableOffsets(topic, [...Array(partitions).keys()]);
      return topic;
    },
    async withProducer(use, options = {}) {
      const producer = raw.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });
      await producer.connect();
      try {
        return await use(producer);
      } finally {
        await producer.disconnect();
      }
    },
    async readAll(topic, maxBytes = 1_000_000) {
      const end = (await kafka.lastStableOffsets(topic, [0])).get(0) ?? 0n;
      const records: FetchedRecord[] = [];
      let next = 0n;
      let rounds = 0;
      while (next < end) {
        rounds++;
        assert.ok(rounds < 1000, 'no progress');
        const fetched = await kafka.fetch(topic, new Map([[0, next]]), {
          maxWaitMs: 200,
          maxBytes,
          lane: 'test',
        });
        for (const item of fetched.flatMap((p): (FetchedRecord | Passed)[] => [...p.items]))
          if ('next' in item) next = item.next;
          else records.push(item);
      }
      return { records, next, rounds };
    },
    async close() {
      await withAdmin((admin) => admin.deleteTopics({ topics })).catch(() => undefined);
      await kafka.close();
    },
  };
}

/** Bytes as text; null stays null. */
export const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString();
