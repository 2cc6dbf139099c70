import { ensureIndices, openElasticsearch } from '../../clients/elasticsearch/index.js';
import { openKafka } from '../../clients/kafka/index.js';
import { migrate } from '../../clients/postgres/migrate.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { grantSparkRole } from '../../clients/postgres/sparkRole.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { registerSearchAttributes, type TemporalClient } from '../../clients/temporal/index.js';
import { readAlias, GRAINS } from '../../domain/names.js';

/** Database, schema, tables. Running it again changes nothing. @returns what was done, in words. */
export async function setUpTables({ config, servers }: Settings): Promise<readonly string[]> {
  const postgres = openPostgres(servers, config.name);
  try {
    return (await migrate(postgres, servers, config)).done;
  } finally {
    await postgres.close();
  }
}

/** Lets a role read what Spark reads; the tables are there. @returns the grants, and what an administrator should do */
export async function setUpSparkRole(
  { config, servers }: Settings,
  role: string,
): Promise<readonly string[]> {
  const postgres = openPostgres(servers, config.name);
  try {
    return await grantSparkRole(postgres, config.name, role);
  } finally {
    await postgres.close();
  }
}

/** Makes missing topics where `kafka.create` says so; without it a missing topic is the producer's affair. */
export async function setUpTopics({ config, servers }: Settings): Promise<readonly string[]> {
  const { topics, create } = config.kafka;
  if (create === undefined) return [];
  const kafka = openKafka(servers, `${config.name}-migrate`);
  try {
    const done: string[] = [];
    for (const topic of topics)
      if ((await kafka.createTopic(topic, create.partitions)) === 'created')
        done.push(`topic ${topic} made with ${create.partitions} partitions`);
    return done;
  } finally {
    await kafka.close();
  }
}

/** Registers the search attributes; where it may not, the answer holds the command for those who may. */
export async function setUpSearchAttributes(
  { config }: Settings,
  temporal: TemporalClient,
): Promise<readonly string[]> {
  if (!config.temporal.searchAttributes) return [];
  const { added, problem } = await registerSearchAttributes(temporal);
  if (problem !== undefined) return [problem];
  return added.map((attribute) => `search attribute ${attribute} registered`);
}

/** Template and one index per grain behind its aliases. */
export async function setUpIndices({ config, servers }: Settings): Promise<readonly string[]> {
  const client = openElasticsearch(servers);
  try {
    await ensureIndices(client, config.name);
    return [`indices ready: ${GRAINS.map((grain) => readAlias(config.name, grain)).join(', ')}`];
  } finally {
    await client.close();
  }
}
