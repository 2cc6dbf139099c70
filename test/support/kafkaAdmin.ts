/** What only an administrator of Kafka does to a topic. */
import { Kafka, logLevel, type Admin } from 'kafkajs';
import { parseServers } from '../../domain/config/servers.js';
import { until } from './installation.js';

export interface KafkaAdmin {
  /** Retention, at once: nothing below `offset` is left. */
  deleteBefore(topic: string, partition: number, offset: number): Promise<void>;
  /** Resolves when the brokers no longer know it. */
  remove(topic: string): Promise<void>;
  /** Deletes the topic and makes it again, empty. */
  makeAgain(topic: string, partitions: number): Promise<void>;
  /** Resolves when the brokers know them. */
  addPartitions(topic: string, count: number): Promise<void>;
  /** What a consumer group has committed, ascending by partition; -1 where it has nothing. */
  groupOffsets(group: string, topic: string): Promise<string[]>;
}

export async function withKafkaAdmin<T>(use: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const { brokers } = parseServers(process.env).kafka;
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const remove = async (topic: string): Promise<void> => {
    await admin.deleteTopics({ topics: [topic] });
    await gone(admin, topic);
  };
  try {
    return await use({
      remove,
      deleteBefore: async (topic, partition, offset) => {
        // kafkajs asks for the topic's offsets first, and its metadata may not know the topic yet.
        await admin.fetchTopicMetadata({ topics: [topic] });
        await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
      },
      makeAgain: async (topic, partitions) => {
        await remove(topic);
        await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
      },
      groupOffsets: async (group, topic) => {
        const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        return (offsets?.partitions ?? [])
          .sort((a, b) => a.partition - b.partition)
          .map(({ offset }) => offset);
      },
      addPartitions: async (topic, count) => {
        await admin.createPartitions({ topicPartitions: [{ topic, count }] });
        await until(`${count} partitions of ${topic}`, 30_000, async () => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
          const partitions = topics[0]?.partitions ?? [];
          return partitions.length === count && partitions.every(({ leader }) => leader >= 0);
        });
      },
    });
  } finally {
    await admin.disconnect();
  }
}

/** The brokers delete in the background. */
async function gone(admin: Admin, topic: string): Promise<void> {
  await until(`the end of ${topic}`, 30_000, async () => !(await admin.listTopics()).includes(topic));
}
