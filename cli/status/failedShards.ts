import { accountOfOpen, connectTemporal } from '../../clients/temporal/index.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { hasServer } from '../../domain/config/servers.js';
import { ingestWorkflowId } from '../../domain/names.js';

export interface FailedShards {
  /** In words. */
  readonly failed: readonly string[];
  /** Why they could not be asked for. */
  readonly unknown?: string;
}

/**
 * Shards of the continuous ingest that have failed and wait for somebody. Waits for Temporal no longer than `patience`:
 * status tells of the data, and must not hang on who moves it.
 */
export async function failedShards(
  config: Config,
  servers: Servers,
  patience: AbortSignal,
): Promise<FailedShards> {
  if (!hasServer(servers, 'temporal')) return { failed: [] };
  const unknown = (why: string): FailedShards => ({
    failed: [],
    unknown: `Temporal could not be asked whether shards of the ingest have failed: ${why}`,
  });
  const gaveUp = new Promise<FailedShards>((resolve) => {
    patience.addEventListener('abort', () => resolve(unknown('it is too slow to answer')), { once: true });
  });
  const answer = ask(config, servers).then(
    (failed): FailedShards => ({ failed }),
    (e: unknown) => unknown(e instanceof Error ? e.message : String(e)),
  );
  return Promise.race([gaveUp, answer]);
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
