import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import type pg from 'pg';
import { refresh, searchFigures, findIndex } from '../../clients/elasticsearch/index.js';
import type { KafkaClient } from '../../clients/kafka/client.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { readFrozen, type Frozen } from '../../clients/postgres/retention/frozen.js';
import { missingTables } from '../../clients/postgres/status/queries.js';
import type { Check } from '../../clients/postgres/verify/check.js';
import { compareDocuments, compareFigures, type Comparison } from '../../clients/postgres/verify/compare.js';
import {
  createDocumentTable,
  documentClicks,
  figuresNotSent,
  keepDocuments,
} from '../../clients/postgres/verify/documents.js';
import { checkFrozen } from '../../clients/postgres/verify/frozen.js';
import { checkEquation, checkIds, checkOffsets } from '../../clients/postgres/verify/ledger.js';
import { noteWaiting, recomputeFigures } from '../../clients/postgres/verify/recompute.js';
import type { Config } from '../../domain/config/config.js';
import { SchemaMismatch } from '../../domain/errors.js';
import { GRAINS, type Grain } from '../../domain/names.js';
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

const figuresCheck = (name: string, result: Comparison, drained: boolean): Check => {
  const wrong = result.different + (drained ? result.waiting : 0);
  const waiting = result.waiting > 0 && !drained ? `, ${result.waiting} waiting` : '';
  return {
    name,
    ok: wrong === 0,
    detail: `${result.compared} compared, ${wrong} different${waiting}`,
    ...(wrong > 0 && { differences: result.named }),
  };
};

/** The oracle: everything recomputed and compared within one snapshot of PostgreSQL. Changes nothing. */
export async function verify(
  config: Config,
  clients: VerifyClients,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const began = Date.now();
  return withClient(clients.postgres, `${config.name}:verify`, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const missing = await missingTables(client, config.name);
    if (missing.length > 0)
      throw new SchemaMismatch(
        `PostgreSQL's schema ${config.name} lacks ${missing.slice(0, 3).join(', ')}: run \`clickstream migrate\``,
      );
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
        figuresCheck(`figures per ${grain} equal those recomputed from the rows`, result, options.drained),
      );
    }
    options.progress('comparing the index with the figures');
    const { unsent, clicks } = await checkIndex(client, config, clients.elasticsearch, options, checks);
    const frozen = await readFrozen(client);
    checks.push(...(await checkFrozen(client, frozen, clicks, !options.drained && marks.marks + unsent > 0)));
    options.progress('comparing the log with the tables');
    const log = await checkLog(client, clients.kafka, config.kafka.topics, options.signal);
    checks.push(...log.checks);
    await client.query('ROLLBACK');
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

async function checkIndex(
  client: pg.ClientBase,
  config: Config,
  elasticsearch: Elasticsearch,
  options: VerifyOptions,
  checks: Check[],
): Promise<{ readonly unsent: number; readonly clicks: Readonly<Record<string, number>> }> {
  await createDocumentTable(client);
  let unsent = 0;
  const clicks: Record<string, number> = {};
  for (const grain of GRAINS) {
    const behind = await figuresNotSent(client, grain);
    unsent += behind;
    await refreshIfThere(elasticsearch, config.name, grain, options.signal);
    for await (const page of searchFigures(elasticsearch, config.name, { grain }, options.signal))
      await keepDocuments(client, page);
    clicks[grain] = await documentClicks(client, grain);
    const result = await compareDocuments(client, grain);
    const all = result.different + result.waiting;
    const waits = !options.drained && all > 0 && all <= behind;
    checks.push({
      name: `documents per ${grain} equal the figures`,
      ok: all === 0 || waits,
      detail: `${result.compared} compared, ${all} different${waits ? ', all of them waiting to be sent' : ''}`,
      ...(all > 0 && !waits && { differences: result.named }),
    });
  }
  return { unsent, clicks };
}

/** What was written a moment ago shall be seen. */
async function refreshIfThere(
  elasticsearch: Elasticsearch,
  name: string,
  grain: Grain,
  signal: AbortSignal,
): Promise<void> {
  const found = await findIndex(elasticsearch, name, grain, signal);
  if (found !== undefined) await refresh(elasticsearch, [found.index], signal);
}
