import type pg from 'pg';
import { copyFigures, createFiguresTable } from '../clients/postgres/aggregate/copyFigures.js';
import { figureQuery } from '../clients/postgres/aggregate/figureQuery.js';
import { jdbcOptions, jdbcUrl } from '../clients/postgres/aggregate/jdbc.js';
import { cancelQueriesOf, resetWaits } from '../clients/postgres/aggregate/lock.js';
import {
  chooseHours,
  countMarks,
  deleteFrozenMarks,
  deleteMarks,
  markedHours,
} from '../clients/postgres/aggregate/marks.js';
import { buryVanished, identifyFigures, mergeFigures } from '../clients/postgres/aggregate/merge.js';
import {
  estimateClicks,
  exportSnapshot,
  hasFigures,
  nextVersion,
  recordRun,
} from '../clients/postgres/aggregate/run.js';
import { checkFingerprint, noteSettingsOf } from '../clients/postgres/aggregate/settings.js';
import {
  cleanPartsSource,
  clicksPredicates,
  clicksSource,
  hoursInMicros,
  lookaheadMs,
} from '../clients/postgres/aggregate/source.js';
import { cutSpans, readSpans } from '../clients/postgres/aggregate/windows.js';
import { contentOf } from '../clients/postgres/backfill/days.js';
import { withClient } from '../clients/postgres/pool.js';
import type { ExecuteOptions, SparkBatch, SparkSession } from '../clients/spark/index.js';
import type { Config } from '../domain/config/config.js';
import { applicationName } from '../domain/names.js';
import type { AggregationResult, RunSparkAggregationInput } from '../domain/stages.js';
import type { AnalyzeDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { keepAlive, lockFigures, writerOf, type Writer } from './figuresLock.js';
import type { KeptAlive } from './keptAlive.js';
import { LARGE_INPUT, SMALL_INPUT } from './sparkSettings.js';

/** Rows that one run reads at most, besides the one day it always takes. */
const DEFAULT_MAX_ROWS = 3_000_000;
/** Each day is up to 24 ranges of a query's text. */
const MAX_DAYS = 62;
/** One JDBC connection of Spark reads about so many rows in the time that a further one costs. */
const ROWS_PER_CONNECTION = 250_000;
const MAX_CONNECTIONS = 4;
const STATEMENT_TIMEOUT_MS = 30 * 60_000;

/** Who runs: names connections so that a later attempt of the same work can end an earlier one's. */
interface Identity extends Writer {
  readonly sparkApplication: string;
  readonly tag: string;
}

function identify(name: string, stage: 'aggregate' | 'backfill'): Identity {
  const writer = writerOf(name, stage);
  const { work, attempt } = writer;
  return {
    ...writer,
    sparkApplication: applicationName(name, 'spark', work, attempt),
    tag: `${name}-${stage}-${work}-${attempt}`,
  };
}

/**
 * Recomputes the figures of marked hours: one transaction, one snapshot, one version. Spark reads inside the
 * snapshot that this transaction exports and only ever reads; what it computes is merged here, together with the
 * deletion of exactly the marks that were computed. So a run that fails anywhere changes nothing, and one that is
 * repeated after its commit finds no marks left.
 */
export function createRunSparkAggregation(
  deps: AnalyzeDeps,
): (input: RunSparkAggregationInput) => Promise<AggregationResult> {
  return wrapActivity(async (input) => {
    const ofBackfill = input.day !== undefined;
    const identity = identify(deps.config.name, ofBackfill ? 'backfill' : 'aggregate');
    const startedAt = new Date();
    const result = await withClient(deps.postgres, identity.application, async (client) => {
      const alive = keepAlive(client);
      try {
        await lockFigures(deps, identity.application, client, alive, 'REPEATABLE READ', {
          lastInLine: ofBackfill,
        });
        const done = await aggregate(deps, identity, client, alive, input, startedAt);
        await alive.exclusive(() => resetWaits(client));
        return done;
      } finally {
        await alive.stop();
      }
    });
    await deps.failpoint('runSparkAggregation:after-commit');
    return result;
  });
}

async function aggregate(
  deps: AnalyzeDeps,
  identity: Identity,
  client: pg.PoolClient,
  alive: KeptAlive,
  input: RunSparkAggregationInput,
  startedAt: Date,
): Promise<AggregationResult> {
  const { config } = deps;
  const dryRun = input.dryRun === true;
  const end = (): Promise<unknown> => alive.exclusive(() => client.query(dryRun ? 'ROLLBACK' : 'COMMIT'));
  const plan = await alive.exclusive(async () => {
    const frozen = await deleteFrozenMarks(client);
    if (frozen > 0) deps.logger.warn({ marks: frozen }, 'ignored marks of hours that retention has frozen');
    const hours = await hoursOf(client, config, input);
    if (hours.length === 0) return undefined;
    const first = hours[0] ?? 0;
    const last = hours[hours.length - 1] ?? 0;
    return {
      hours,
      rows: await estimateClicks(client, first, last + 3_600_000),
      version: await nextVersion(client),
      snapshot: await exportSnapshot(client),
      stored: await hasFigures(client),
    };
  });
  if (plan === undefined) {
    await end();
    const none = { hours: 0, clicks: 0, changed: 0, vanished: 0, unchanged: 0, marksLeft: 0 };
    return { ...none, ms: Date.now() - startedAt.getTime() };
  }

  const { hours, version } = plan;
  await alive.exclusive(() => createFiguresTable(client));
  const url = jdbcUrl(deps.servers.spark.jdbcUrl, client);
  await computeInSpark(deps, identity, alive, { ...plan, url }, (batches) =>
    copyFigures(client, batches, (copy) => alive.exclusive(copy)),
  );

  const merged = await alive.exclusive(async () => {
    alive.say({ merging: hours.length });
    const { figures, clicks } = await identifyFigures(client);
    const written = await mergeFigures(client, version, plan.stored);
    const vanished = await buryVanished(client, version, hours);
    await deleteMarks(client, hours);
    if (input.day !== undefined) await noteSettingsOf(client, config, dayBegin(input.day));
    const marksLeft = await countMarks(client);
    const changed = written + vanished;
    const counts = { hours: hours.length, clicks, changed, vanished };
    const { workflowId, workflowRunId } = identity;
    const run = await recordRun(client, { ...counts, version, workflowId, workflowRunId, startedAt });
    return { run, ...counts, unchanged: figures - written, marksLeft };
  });
  alive.signal.throwIfAborted();
  await deps.failpoint('runSparkAggregation:before-commit');
  await end();
  const { run, ...counts } = merged;
  const ms = Date.now() - startedAt.getTime();
  const result = dryRun ? { ...counts, ms } : { run, ...counts, ...(counts.changed > 0 && { version }), ms };
  deps.logger.info({ ...result, ...(dryRun && { dryRun }) }, 'figures computed');
  return result;
}

/** The hours to compute, oldest first. */
async function hoursOf(
  client: pg.PoolClient,
  config: Config,
  { day, maxRows = DEFAULT_MAX_ROWS }: RunSparkAggregationInput,
): Promise<readonly number[]> {
  if (day !== undefined) return (await contentOf(client, dayBegin(day).getTime())).hours;
  await checkFingerprint(client, config);
  const marked = await markedHours(client);
  return marked.length === 0 ? [] : chooseHours(client, marked, { maxRows, maxDays: MAX_DAYS });
}

const dayBegin = (day: string): Date => new Date(`${day}T00:00:00Z`);

interface Reading {
  readonly hours: readonly number[];
  /** Estimated clicks, which choose connections and tasks. */
  readonly rows: number;
  readonly snapshot: string;
  readonly stored: boolean;
  readonly url: string;
}

/** Declares the views in the snapshot, runs the query and hands its batches over; leaves nothing running. */
async function computeInSpark(
  deps: AnalyzeDeps,
  identity: Identity,
  alive: KeptAlive,
  reading: Reading,
  take: (batches: AsyncIterable<SparkBatch>) => Promise<void>,
): Promise<void> {
  const { config } = deps;
  const { hours, rows } = reading;
  alive.say({ spark: 'connecting' });
  const session = await deps.spark();
  const options: ExecuteOptions = {
    signal: alive.signal,
    tag: identity.tag,
    onProgress: (progress) => alive.say({ spark: progress }),
  };
  const suffix = identity.tag.replaceAll(/[^a-z0-9]/g, '_');
  const clicks = `clicks_${suffix}`;
  const parts = reading.stored ? `parts_${suffix}` : undefined;
  const jdbc = (source: string): Record<string, string> =>
    jdbcOptions({
      url: reading.url,
      source,
      snapshot: reading.snapshot,
      applicationName: identity.sparkApplication,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
  const spans = readSpans(hours, lookaheadMs(config));
  const connections = Math.min(MAX_CONNECTIONS, Math.max(1, Math.ceil(rows / ROWS_PER_CONNECTION)));
  const small = connections === 1;
  try {
    await session.set(small ? SMALL_INPUT : LARGE_INPUT, alive.signal);
    const predicates = small ? [] : clicksPredicates(cutSpans(spans, connections));
    await session.createView(clicks, 'jdbc', jdbc(clicksSource(config, spans)), { ...options, predicates });
    if (parts !== undefined)
      await session.createView(parts, 'jdbc', jdbc(cleanPartsSource(config, hours)), options);
    const query = figureQuery(config, clicks, parts, hoursInMicros(hours));
    await take(afterFailpoint(session.query(query, {}, options), deps));
  } catch (e) {
    // Interrupting Spark's job may leave its query running in PostgreSQL.
    await cancelQueriesOf(deps.postgres.pool, identity.sparkApplication).catch(() => undefined);
    throw e;
  } finally {
    await dropViews(session, [clicks, ...(parts === undefined ? [] : [parts])]);
  }
}

/** Starts the query, passes the failpoint while it runs, then hands its batches on. */
async function* afterFailpoint(
  batches: AsyncGenerator<SparkBatch, void, undefined>,
  deps: AnalyzeDeps,
): AsyncGenerator<SparkBatch, void, undefined> {
  try {
    const [first] = await Promise.all([batches.next(), deps.failpoint('runSparkAggregation:mid-spark')]);
    if (first.done !== true) yield first.value;
    yield* batches;
  } finally {
    await batches.return();
  }
}

async function dropViews(session: SparkSession, views: readonly string[]): Promise<void> {
  if (session.broken) return;
  // A server that is gone took the views with it.
  for (const view of views) await session.command(`DROP VIEW IF EXISTS ${view}`).catch(() => undefined);
}
