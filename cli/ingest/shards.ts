import { openKafka } from '../../clients/kafka/index.js';
import { readShards } from '../../clients/postgres/offsets.js';
import { openPostgres, withClient } from '../../clients/postgres/pool.js';
import type { Settings } from '../../clients/settings/loadConfig.js';

export interface ShardsChange {
  readonly topic: string;
  readonly from: number;
  readonly to: number;
}

/** Topics that are ingested in another count of shards than `ingest.shards` says; none where it says nothing. */
export async function changedShards({ config, servers }: Settings): Promise<readonly ShardsChange[]> {
  const { shards } = config.ingest;
  if (shards === undefined) return [];
  const postgres = openPostgres(servers, config.name, { max: 1 });
  const kafka = openKafka(servers, `${config.name}-ingest`);
  try {
    const recorded = await withClient(postgres, `${config.name}:ingest`, readShards);
    const changes: ShardsChange[] = [];
    for (const topic of config.kafka.topics) {
      const from = recorded.get(topic);
      if (from === undefined || from === shards) continue;
      const { partitions } = await kafka.describe(topic);
      const to = Math.min(shards, partitions.length);
      if (from !== to) changes.push({ topic, from, to });
    }
    return changes;
  } finally {
    await Promise.allSettled([kafka.close(), postgres.close()]);
  }
}
