import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import type { KafkaClient } from '../../clients/kafka/client.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { readFrozen, type Frozen } from '../../clients/postgres/retention/frozen.js';
import { missingTables } from '../../clients/postgres/status/queries.js';
import { type Check } from '../../clients/postgres/verify/check.js';
import { compared, compareFigures } from '../../clients/postgres/verify/compare.js';
import { dropDocumentTable } from '../../clients/postgres/verify/documents.js';
import { checkFrozen } from '../../clients/postgres/verify/frozen.js';
import { checkEquation, checkIds, checkOffsets } from '../../clients/postgres/verify/ledger.js';
import { noteWaiting, recomputeFigures } from '../../clients/postgres/verify/recompute.js';
import type { Config } from '../../domain/config/config.js';
import { SchemaMismatch } from '../../domain/errors.js';
import { GRAINS } from '../../domain/names.js';
import { checkIndex, readIndex } from './index.js';
import { checkLog } from './log.js';

export interface VerifyReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** What is not wrong, only not done yet. */
  readonly waiting: {
    readonly marks: number;
    readonly hours: number;
    /** Figures of windows with marks that differ from the rows. */
    readonly figures: number;
    /** Figures that the index has not been sent. */
    readonly index: number;
    /** Records in Kafka beyond the committed offsets. */
    readonly lag: number;
  };
  /** Hours whose clicks retention dropped: compared with the index, and otherwise taken as they are. */
  readonly frozen: Frozen;
  readonly ms: number;
}

export interface VerifyClients {
  readonly postgres: Postgres;
  readonly elasticsearch: Elasticsearch;
  readonly kafka: KafkaClient;
}

export interface VerifyOptions {
  /** Everything is expected to be done: what waits is a difference. */
  readonly drained: boolean;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** The oracle: everything recomputed and compared within one snapshot of PostgreSQL. Changes nothing. */
export async function verify(
  config: Config,
  clients: VerifyClients,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const began = Date.now();
  return withClient(clients.postgres, `${config.name}:verify`, async (client) => {
    const missing = await missingTables(client, config.name);
    if (missing.length > 0)
      throw new SchemaMismatch(
        `PostgreSQL's schema ${config.name} lacks ${missing.slice(0, 3).join(', ')}: run \`clickstream migrate\``,
      );
    options.progress('reading the index');
    const read = await readIndex(client, config.name, clients.elasticsearch, options.signal);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    options.progress('comparing the ledger with the tables');
    const checks: Check[] = [
      ...(await checkEquation(client)),
      await checkOffsets(client),
      ...(await checkIds(client)),
    ];
    options.progress('recomputing all figures in SQL');
    const marks = await noteWaiting(client);
    await recomputeFigures(client, config);
    let waitingFigures = 0;
    for (const grain of GRAINS) {
      const result = await compareFigures(client, grain);
      waitingFigures += result.waiting;
      checks.push(
        compared(`figures per ${grain} equal those recomputed from the rows`, result, options.drained),
      );
    }
    options.progress('comparing the index with the figures');
    const { checks: indexChecks, unsent, clicks } = await checkIndex(client, read, options.drained);
    checks.push(...indexChecks);
    const frozen = await readFrozen(client);
    checks.push(...(await checkFrozen(client, frozen, clicks, !options.drained && marks.marks + unsent > 0)));
    options.progress('comparing the log with the tables');
    const log = await checkLog(client, clients.kafka, config.kafka.topics, options.signal);
    checks.push(...log.checks);
    await client.query('ROLLBACK');
    await dropDocumentTable(client);
    if (options.drained) {
      const left = { 'records beyond the committed offsets': log.lag, 'marks waiting': marks.marks };
      for (const [what, n] of Object.entries(left))
        checks.push({ name: `no ${what}`, ok: n === 0, detail: String(n) });
    }
    return {
      ok: checks.every((check) => check.ok),
      checks,
      waiting: { ...marks, figures: waitingFigures, index: unsent, lag: log.lag },
      frozen,
      ms: Date.now() - began,
    };
  });
}
