import { accountOfOpen, connectTemporal, running, troubles } from '../../clients/temporal/index.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { hasServer } from '../../domain/config/servers.js';
import { ingestWorkflowId } from '../../domain/names.js';

/** What Temporal says of the installation's runs, in words. */
export interface Trouble {
  /** Shards of the continuous ingest that have failed and wait for somebody. */
  readonly failed: readonly string[];
  /** Activities that are tried again, each with its workflow and the last reason. */
  readonly retrying: readonly string[];
  /** Why it could not be asked. */
  readonly unknown?: string;
}

/** Waits for Temporal no longer than `patience`: status tells of the data, and must not hang on who moves it. */
export async function readTrouble(config: Config, servers: Servers, patience: AbortSignal): Promise<Trouble> {
  if (!hasServer(servers, 'temporal')) return { failed: [], retrying: [] };
  const unknown = (why: string): Trouble => ({
    failed: [],
    retrying: [],
    unknown: `Temporal could not be asked what has failed or is tried again: ${why}`,
  });
  const gaveUp = new Promise<Trouble>((resolve) => {
    patience.addEventListener('abort', () => resolve(unknown('it is too slow to answer')), { once: true });
  });
  const answer = ask(config, servers).catch((e: unknown) =>
    unknown(e instanceof Error ? e.message : String(e)),
  );
  return Promise.race([gaveUp, answer]);
}

async function ask(config: Config, servers: Servers): Promise<Trouble> {
  const temporal = await connectTemporal(servers);
  try {
    const account = await accountOfOpen(temporal, ingestWorkflowId(config.name));
    const ids = await running(temporal, config.name);
    const retrying = await Promise.all(
      ids.map(async (id) => (await troubles(temporal, [id])).map((trouble) => `${id}: ${trouble}`)),
    );
    return {
      failed: (account?.failed ?? []).map(
        (failure) => `${failure}; once that is mended, \`clickstream ingest start\` starts the shard again`,
      ),
      retrying: retrying.flat(),
    };
  } finally {
    await temporal.close();
  }
}
