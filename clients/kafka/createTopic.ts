import type { Kafka } from 'kafkajs';
import type { TopicConnection } from './connection.js';
import { QUICK, withTries } from './tries.js';

/**
 * Makes a topic with the brokers' own replication factor and waits until its partitions have leaders.
 * @returns 'present' when it was there, whatever its number of partitions
 */
export async function createTopic(
  kafka: Kafka,
  at: TopicConnection,
  partitions: number,
): Promise<'created' | 'present'> {
  const { topic } = at;
  const made = await withTries(`creating topic ${topic}`, { patience: QUICK }, async () => {
    const admin = kafka.admin();
    try {
      await admin.connect();
      // kafkajs's own waiting fails when the broker that it asks has not heard of the new topic yet.
      return await admin.createTopics({
        topics: [{ topic, numPartitions: partitions }],
        waitForLeaders: false,
      });
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  });
  if (!made) return 'present';
  await at.run(`waiting for the leaders of topic ${topic}`, undefined, async (cluster) => {
    await cluster.refreshMetadata();
    await at.leaders(
      cluster,
      Array.from({ length: partitions }, (_, partition) => partition),
    );
  });
  return 'created';
}
