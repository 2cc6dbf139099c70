import type pg from 'pg';
import { copyFigures, createFiguresTable } from '../clients/postgres/aggregate/copyFigures.js';
import { jdbcUrl } from '../clients/postgres/aggregate/jdbc.js';
import { resetWaits } from '../clients/postgres/aggregate/lock.js';
import {
  areDamaged,
  chooseHours,
  countMarks,
  deleteFrozenMarks,
  deleteMarks,
  markedHours,
} from '../clients/postgres/aggregate/marks.js';
import {
  analyzeFigures,
  buryVanished,
  countFigures,
  mergeFigures,
  touchedKeys,
} from '../clients/postgres/aggregate/merge.js';
import {
  committedRun,
  estimateClicks,
  estimateFigures,
  exportSnapshot,
  nextVersion,
  recordRun,
} from '../clients/postgres/aggregate/run.js';
import { checkFingerprint, noteSettingsOf } from '../clients/postgres/aggregate/settings.js';
import { contentOf } from '../clients/postgres/backfill/days.js';
import { pgErrorFields } from '../clients/postgres/errors.js';
import { readIdentity } from '../clients/postgres/identity.js';
import { withClient } from '../clients/postgres/pool.js';
import type { Config } from '../domain/config/config.js';
import { ConfigurationError } from '../domain/errors.js';
import { applicationName } from '../domain/names.js';
import type { AggregationResult, RunSparkAggregationInput } from '../domain/stages.js';
import type { AnalyzeDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { keepAlive, lockFigures, writerOf, type Writer } from './figuresLock.js';
import type { KeptAlive } from './keptAlive.js';
import { computeInSpark, endQueries } from './sparkRead.js';

/** Rows that one run reads at most, besides the one day it always takes. */
const DEFAULT_MAX_ROWS = 3_000_000;
/** Each day is up to 24 ranges of a query's text. */
const MAX_DAYS = 62;
/** Keys that a roll-up is told by name: they become part of a query, which Spark keeps for its history. */
const MAX_KEYS_NAMED = 2_000;
/** SQLSTATE: NULL in a column that may not be empty. */
const NOT_NULL = '23502';

/** Who runs: names connections so that a later attempt of the same work can end an earlier one's. */
interface Identity extends Writer {
  readonly sparkApplication: string;
  /** What the names of Spark's queries begin with in every attempt at this work. */
  readonly earlierSpark: string;
  readonly tag: string;
}

function identify(name: string, stage: 'aggregate' | 'backfill'): Identity {
  const writer = writerOf(name, stage);
  const { work, attempt } = writer;
  return {
    ...writer,
    sparkApplication: applicationName(name, 'spark', work, attempt),
    earlierSpark: applicationName(name, 'spark', work, ''),
    tag: `${name}-${stage}-${work}-${attempt}`,
  };
}

/**
 * Recomputes the figures of marked hours: one transaction, one snapshot, one version. Spark reads inside the
 * snapshot that this transaction exports and only ever reads; what it computes is merged here, together with the
 * deletion of exactly the marks that were computed. So a run that fails anywhere changes nothing, and an attempt that
 * is repeated after its commit answers what was committed.
 */
export function createRunSparkAggregation(
  deps: AnalyzeDeps,
): (input: RunSparkAggregationInput) => Promise<AggregationResult> {
  return wrapActivity(async (input) => {
    const ofBackfill = input.day !== undefined;
    const identity = identify(deps.config.name, ofBackfill ? 'backfill' : 'aggregate');
    const startedAt = new Date();
    const result = await withClient(deps.postgres, identity.application, async (client) => {
      const alive = keepAlive(deps, identity.application, client);
      try {
        await lockFigures(deps, identity.application, client, alive, 'REPEATABLE READ', {
          lastInLine: ofBackfill,
        });
        // What Spark still does for an attempt whose process died is for nobody.
        await endQueries(deps, identity.earlierSpark);
        const committed = await alive.exclusive(() => committedRun(client, identity));
        if (committed !== undefined) {
          await alive.exclusive(() => client.query('ROLLBACK'));
          deps.logger.info(fieldsOf(committed), 'an earlier attempt has committed this run');
        }
        const done = committed ?? (await aggregate(deps, identity, client, alive, input, startedAt));
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
      identity: await readIdentity(client),
      stored: await estimateFigures(client),
    };
  });
  if (plan === undefined) {
    await end();
    const none = { hours: 0, clicks: 0, changed: 0, vanished: 0, unchanged: 0, marksLeft: 0 };
    return { ...none, ms: Date.now() - startedAt.getTime() };
  }

  const { hours, version } = plan;
  await alive.exclusive(() => createFiguresTable(client));
  const reading = {
    ...plan,
    url: jdbcUrl(deps.servers.spark.jdbcUrl, client),
    application: identity.sparkApplication,
    tag: identity.tag,
  };
  const readAt = Date.now();
  await computeInSpark(deps, alive, reading, {
    take: (batches) =>
      copyFigures(client, batches, (copy) => alive.exclusive(copy)).catch((e: unknown) => {
        throw refusedUrl(e, config, hours) ?? e;
      }),
    touched: () =>
      alive.exclusive(async () => {
        await analyzeFigures(client);
        // A backfill makes anew what is stored, whether its parts have changed or not.
        const onlyChanged = input.day === undefined && !(await areDamaged(client, hours));
        return touchedKeys(client, hours, { onlyChanged, most: MAX_KEYS_NAMED });
      }),
  });

  const computedAt = Date.now();
  const merged = await alive.exclusive(async () => {
    alive.say({ merging: hours.length });
    await analyzeFigures(client);
    const { figures, clicks } = await countFigures(client);
    const written = await mergeFigures(client, version, plan.stored > 0);
    const vanished = await buryVanished(client, version, hours);
    await deleteMarks(client, hours);
    if (input.day !== undefined) await noteSettingsOf(client, config, dayBegin(input.day));
    const marksLeft = await countMarks(client);
    const changed = written + vanished;
    const counts = { hours: hours.length, clicks, changed, vanished };
    const { workflowId, workflowRunId, activityId } = identity;
    const result = { ...counts, unchanged: figures - written, marksLeft };
    const of = { version, workflowId, workflowRunId, activityId, startedAt };
    const run = await recordRun(client, { ...result, ...of });
    return { run, ...result };
  });
  alive.throwIfOver();
  await deps.failpoint('runSparkAggregation:before-commit');
  await end();
  const { run, ...counts } = merged;
  const endedAt = Date.now();
  const ms = endedAt - startedAt.getTime();
  const where = { sparkMs: computedAt - readAt, mergeMs: endedAt - computedAt };
  const result = dryRun ? { ...counts, ms } : { run, ...counts, ...(counts.changed > 0 && { version }), ms };
  deps.logger.info({ ...fieldsOf(result), ...where, ...(dryRun && { dryRun }) }, 'figures computed');
  return result;
}

/** In the log `run` is Temporal's. */
const fieldsOf = ({ run, ...result }: AggregationResult): object => ({
  ...result,
  ...(run !== undefined && { aggregateRun: run }),
});

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

/** Rows that were there before the column of roles.url was added, and so have no value in it. */
function refusedUrl(e: unknown, config: Config, hours: readonly number[]): Error | undefined {
  const field = pgErrorFields(e);
  if (field?.sqlState !== NOT_NULL || field.column !== 'url') return undefined;
  const { family, name } = config.roles.url;
  const hour = (ms: number | undefined): string => new Date(ms ?? 0).toISOString().slice(0, 13);
  return new ConfigurationError(
    `roles.url is ${family}.${name}, which is empty in clicks between ${hour(hours[0])}h and ` +
      `${hour(hours[hours.length - 1])}h UTC, such as older rows of a column that was added later: fill it in these ` +
      `rows, or name the former column again`,
  );
}

const dayBegin = (day: string): Date => new Date(`${day}T00:00:00Z`);
