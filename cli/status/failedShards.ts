import { accountOfOpen, connectTemporal } from '../../clients/temporal/index.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { hasServer } from '../../domain/config/servers.js';
import { ingestWorkflowId } from '../../domain/names.js';

/**
 * Shards of the continuous ingest that have failed and wait for somebody, in words. Empty where Temporal does not
 * answer within `patience`: status tells of the data, and must not hang on who moves it.
 */
export async function failedShards(
  config: Config,
  servers: Servers,
  patience: AbortSignal,
): Promise<readonly string[]> {
  if (!hasServer(servers, 'temporal')) return [];
  const gaveUp = new Promise<readonly string[]>((resolve) => {
    patience.addEventListener('abort', () => resolve([]), { once: true });
  });
  return Promise.race([gaveUp, ask(config, servers).catch(() => [])]);
}

async function ask(config: Config, servers: Servers): Promise<readonly string[]> {
  const temporal = await connectTemporal(servers);
  try {
    const account = await accountOfOpen(temporal, ingestWorkflowId(config.name));
    return (account?.failed ?? []).map(
      (failure) => `${failure}; once that is mended, \`clickstream ingest start\` starts the shard again`,
    );
  } finally {
    await temporal.close();
  }
}
