import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import type { KafkaClient } from '../clients/kafka/client.js';
import type { ClaimFilter } from '../clients/postgres/claimFilter.js';
import type { Postgres } from '../clients/postgres/pool.js';
import type { SparkSession } from '../clients/spark/index.js';
import type { Config, Servers } from '../domain/config/config.js';
import type { Decoder } from '../domain/event/decoder.js';
import type { PlainEvent } from '../domain/event/plain/event.js';
import type { Logger } from '../domain/logger.js';
import type { ClaimOrder } from './claimOrder.js';
import type { GroupOffsets } from './groupOffsets.js';
import type { Spool } from './spool.js';

export type { Logger } from '../domain/logger.js';

/** Places in a stage where a test may stop, fail or kill the process. */
export type FailpointName =
  | 'consumeBatch:after-fetch'
  | `persistBatch:${'after-probe' | 'mid-copy' | 'before-commit' | 'after-commit'}`
  | `replayDeadLetters:${'before-commit' | 'after-commit'}`
  | `runSparkAggregation:${'mid-spark' | 'before-commit' | 'after-commit'}`
  | `indexMetrics:${'after-bulk' | 'after-cursor'}`
  | `reindexGrain:${'after-create' | 'before-swap' | 'after-swap'}`
  | `applyRetention:${'before-commit' | 'after-commit'}`;
/** In production it does nothing. */
export type Failpoint = (name: FailpointName) => Promise<void>;
export const noFailpoint: Failpoint = () => Promise.resolve();

/** What every activity is made with: clients are opened once, in the worker. */
export interface BaseDeps {
  readonly config: Config;
  readonly servers: Servers;
  readonly postgres: Postgres;
  readonly logger: Logger;
  readonly failpoint: Failpoint;
}

export interface IngestDeps extends BaseDeps {
  readonly kafka: KafkaClient;
  readonly decoder: Decoder;
  /** The decoder's short way; absent where the mapping has none. */
  readonly plain?: PlainEvent | undefined;
  readonly spool: Spool;
  /** The event ids that this process has seen lately: one for all its shards. */
  readonly claims: ClaimFilter;
  readonly claimOrder: ClaimOrder;
  readonly groupOffsets: GroupOffsets;
  /** Aborted when the worker begins to shut down: consumeBatch then gives back what it has, persistBatch says so. */
  readonly draining?: AbortSignal;
}

export interface AnalyzeDeps extends BaseDeps {
  /** Connects at the first call; a session that broke is replaced by the next one. */
  spark(): Promise<SparkSession>;
  readonly elasticsearch: Elasticsearch;
  /** How long indexMetrics tries before it gives up, ms. */
  readonly patienceMs: number;
}
