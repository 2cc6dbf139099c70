import type { AnalyzeDeps, BaseDeps, IngestDeps } from '../activities/deps.js';
import { openSpool } from '../activities/spool.js';
import { openElasticsearch } from '../clients/elasticsearch/index.js';
import { openDecoders } from '../clients/enrich/decoder.js';
import { openKafka } from '../clients/kafka/index.js';
import { ClaimFilter } from '../clients/postgres/claimFilter.js';
import { checkSchema } from '../clients/postgres/migrate.js';
import { readShards } from '../clients/postgres/offsets.js';
import { openPostgres, withClient } from '../clients/postgres/pool.js';
import { visitorKey } from '../clients/postgres/visitorKey.js';
import type { Settings } from '../clients/settings/loadConfig.js';
import { supplySpark } from '../clients/spark/index.js';
import { ClaimOrder } from '../activities/claimOrder.js';
import { GroupOffsets } from '../activities/groupOffsets.js';
import type { Logger } from '../domain/logger.js';
import { failpointFromEnv } from './failpoint.js';
import { lanesOf } from './queues.js';
import type { Role } from './queues.js';

export interface Clients {
  /** Topics × shards. */
  readonly lanes: number;
  readonly ingest?: IngestDeps;
  readonly analyze?: AnalyzeDeps;
  close(): Promise<void>;
}

/**
 * Opens what a role needs, once per process. Nothing is polled before the tables are known to be this code's.
 * @throws SchemaMismatch, ServerUnavailable, ServerRefused
 */
export async function openClients(
  { config, servers }: Settings,
  role: Role,
  options: { readonly logger: Logger; readonly draining: AbortSignal },
): Promise<Clients> {
  const { logger, draining } = options;
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const each of closing.reverse())
      await each().catch((error: unknown) => {
        logger.warn({ err: String(error) }, 'a client did not close cleanly');
      });
  };
  try {
    const lanes = await countLanes({ config, servers });
    // Each lane writes on one and ends a zombie's lock on another; the figures' writer and its helpers take the rest.
    const postgres = openPostgres(servers, config.name, { max: 2 * lanes + 6, logger });
    closing.push(() => postgres.close());
    const base: BaseDeps = { config, servers, postgres, logger, failpoint: failpointFromEnv() };
    const clients: { ingest?: IngestDeps; analyze?: AnalyzeDeps } = {};
    if (role !== 'analyze') {
      const kafka = openKafka(servers, `${config.name}-worker`, logger);
      closing.push(() => kafka.close());
      const key =
        servers.visitorKey === undefined ? await visitorKey(postgres) : Buffer.from(servers.visitorKey);
      const decoders = await openDecoders(config, key);
      const spool = await openSpool(config, logger);
      closing.push(() => spool.close());
      clients.ingest = {
        ...base,
        ...decoders,
        kafka,
        spool,
        claims: new ClaimFilter(),
        claimOrder: new ClaimOrder(),
        groupOffsets: new GroupOffsets({ config, kafka, logger }),
        draining,
      };
    }
    if (role !== 'ingest') {
      const elasticsearch = openElasticsearch(servers);
      closing.push(() => elasticsearch.close());
      const spark = supplySpark(servers.spark.remote);
      closing.push(() => spark.close());
      const patienceMs = config.analyze.indexPatienceMs;
      clients.analyze = { ...base, spark: () => spark.session(), elasticsearch, patienceMs };
    }
    return { ...clients, lanes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The configuration may want another count of shards than the one in force, and either may run. */
async function countLanes({ config, servers }: Pick<Settings, 'config' | 'servers'>): Promise<number> {
  const postgres = openPostgres(servers, config.name, { max: 1 });
  try {
    await checkSchema(postgres, config);
    return lanesOf(config, await withClient(postgres, `${config.name}:worker`, readShards));
  } finally {
    await postgres.close();
  }
}
