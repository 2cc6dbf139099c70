import { openKafka } from '../../clients/kafka/index.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import type { NotedOffsets } from '../../domain/stages.js';

/** The last stable offsets of the installation's topics, as noteOffsets would note them now. */
export async function currentEnds({ config, servers }: Settings): Promise<NotedOffsets> {
  const kafka = openKafka(servers, `${config.name}-cli`);
  try {
    const topics = await Promise.all(
      config.kafka.topics.map(async (topic) => {
        const { partitions } = await kafka.describe(topic);
        const ends = await kafka.lastStableOffsets(topic, partitions);
        const offsets = [...ends].map(([partition, offset]) => ({ partition, offset: offset.toString() }));
        return { topic, shards: 0, offsets };
      }),
    );
    return { topics };
  } finally {
    await kafka.close();
  }
}

/** Whether a run that noted `noted` covers all of `wanted`. */
export const reaches = (noted: NotedOffsets, wanted: NotedOffsets): boolean =>
  wanted.topics.every(({ topic, offsets }) => {
    const found = noted.topics.find((candidate) => candidate.topic === topic)?.offsets ?? [];
    const at = new Map(found.map(({ partition, offset }) => [partition, BigInt(offset)]));
    return offsets.every(({ partition, offset }) => (at.get(partition) ?? 0n) >= BigInt(offset));
  });
