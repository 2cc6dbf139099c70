/** The part of a run that Spark does: views in the run's snapshot, one query, nothing left behind. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { jdbcOptions } from '../clients/postgres/aggregate/jdbc.js';
import { cancelQueriesOf } from '../clients/postgres/aggregate/lock.js';
import { planReading, type ReadingPlan, type View } from '../clients/postgres/aggregate/reading.js';
import { isRefusal } from '../clients/postgres/errors.js';
import { IDENTITY, type IdentityRow } from '../clients/postgres/identity.js';
import type { Postgres } from '../clients/postgres/pool.js';
import { createViews, SPARK_MEMORY, type ExecuteOptions, type SparkSession } from '../clients/spark/index.js';
import { ServerExhausted, ServerRefused, ServerUnavailable } from '../domain/errors.js';
import type { Logger } from '../domain/logger.js';
import { damagedFigure, isUnreadableSketch } from '../clients/postgres/aggregate/damagedFigure.js';
import type { AnalyzeDeps } from './deps.js';
import type { KeptAlive } from './keptAlive.js';
import { computeHours, computeRollUps, type Made, type Taker } from './sparkAnswers.js';

const STATEMENT_TIMEOUT_MS = 30 * 60_000;
/** Until Spark has ended an interrupted job, and PostgreSQL its queries; a Spark that hangs is not waited for. */
const TIDY_MS = 8_000;

export interface Reading {
  readonly hours: readonly number[];
  /** Estimated clicks, which choose connections and slices. */
  readonly rows: number;
  readonly snapshot: string;
  /** Of the PostgreSQL that exported the snapshot; undefined where it does not tell everybody. */
  readonly identity: IdentityRow | undefined;
  /** About how many figures there are already. */
  readonly stored: number;
  /** PostgreSQL as Spark sees it. */
  readonly url: string;
  /** By which Spark's queries are found in PostgreSQL. */
  readonly application: string;
  /** By which Spark's job is found. */
  readonly tag: string;
}

/**
 * Declares views in the snapshot, runs the queries and hands their batches over: first the hours' figures, then, of the
 * keys that they touch, those of days, months and the total. When it fails or the attempt is over, the job is
 * interrupted and its queries in PostgreSQL are cancelled.
 * @throws ServerRefused: Spark reads another PostgreSQL; ServerExhausted: its memory ran out, or it went away meanwhile
 */
export async function computeInSpark(
  deps: AnalyzeDeps,
  alive: KeptAlive,
  reading: Reading,
  taker: Taker,
): Promise<void> {
  alive.say({ spark: 'connecting' });
  const session = await untilOver(deps.spark(), alive.signal, 0);
  const suffix = reading.tag.replaceAll(/[^a-z0-9]/g, '_');
  const plan = planReading(deps.config, { ...reading, clicks: reading.rows, suffix });
  // Interrupting a job leaves its queries in PostgreSQL alone, and a Spark that hangs interrupts nothing.
  const end = (): void => void endQueries(deps, reading.application);
  alive.signal.addEventListener('abort', end, { once: true });
  let done = false;
  const made: Made = { views: [], parts: undefined };
  try {
    await untilOver(run(deps, session, alive, reading, plan, taker, made), alive.signal, TIDY_MS);
    done = true;
  } catch (e) {
    await endQueries(deps, reading.application);
    if (alive.signal.aborted) throw e;
    const damage = await namedDamage(deps, session, alive, made.parts, e);
    if (damage !== undefined) throw damage;
    await refuseAnotherServer(session, reading);
    throw e;
  } finally {
    alive.signal.removeEventListener('abort', end);
    const dropped = dropViews(session, made.views);
    // Their names are this run's own: the merge needs not wait.
    if (!done) await dropped;
  }
}

async function run(
  deps: AnalyzeDeps,
  session: SparkSession,
  alive: KeptAlive,
  reading: Reading,
  plan: ReadingPlan,
  taker: Taker,
  made: Made,
): Promise<void> {
  const options: ExecuteOptions = {
    signal: alive.signal,
    tag: reading.tag,
    onProgress: (progress) => alive.say({ spark: progress }),
  };
  const declare = async (views: readonly View[]): Promise<void> => {
    made.views.push(...views.map(({ name }) => name));
    const sources = views.map(({ name, source }) => [name, jdbcOf(reading, source)] as const);
    await createViews(session, 'jdbc', new Map(sources), options);
  };
  await session.set(plan.settings, alive.signal);
  await declare(plan.views);
  await unlessBrokenOff(async () => {
    await computeHours(deps, session, options, plan, taker, made);
    const keys = plan.byKey && reading.stored > 0 ? await taker.touched() : 'all';
    if (keys.length === 0) return;
    const { parts, figures } = plan.rollUp(keys);
    if (parts !== undefined) {
      await declare([parts]);
      made.parts = parts.name;
    }
    await computeRollUps(session, options, plan.slices, figures, taker, made);
  });
}

/** Spark may have gone away because of this very query: that is no outage to be waited out for ever. */
async function unlessBrokenOff(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (e) {
    if (!(e instanceof ServerUnavailable) || e.server !== 'Spark') throw e;
    throw new ServerExhausted(
      'Spark',
      `Spark broke off the work, and its log says why: if its memory ran out, ${SPARK_MEMORY}; ${e.message}`,
      { cause: e },
    );
  }
}

const jdbcOf = (reading: Reading, source: string): Record<string, string> =>
  jdbcOptions({
    url: reading.url,
    source,
    snapshot: reading.snapshot,
    systemId: reading.identity?.system_id,
    applicationName: reading.application,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });

/**
 * Cancels Spark's queries in PostgreSQL under names that begin so, and those that its tasks begin meanwhile. Never
 * throws: they end by themselves, at the latest when their statement_timeout does it.
 */
export async function endQueries(
  { postgres, logger }: { readonly postgres: Postgres; readonly logger: Logger },
  application: string,
): Promise<void> {
  try {
    for (const end = Date.now() + TIDY_MS; Date.now() < end;) {
      if ((await cancelQueriesOf(postgres.pool, application)) === 0) return;
      await sleep(200);
    }
  } catch (e) {
    const advice = isRefusal(e) ? '; make this role a member of it (clickstream migrate --spark-role)' : '';
    logger.warn({ err: String(e) }, `the queries of Spark's role in PostgreSQL could not be ended${advice}`);
  }
}

/** Names the figure whose sketch Spark could not read; undefined when that was not the error, or it was not found. */
async function namedDamage(
  { postgres, logger }: AnalyzeDeps,
  session: SparkSession,
  alive: KeptAlive,
  parts: string | undefined,
  error: unknown,
): Promise<Error | undefined> {
  if (parts === undefined || !isUnreadableSketch(error)) return undefined;
  alive.say({ spark: 'looking for the figure whose sketch cannot be read' });
  try {
    return await damagedFigure(session, postgres, parts, { signal: alive.signal });
  } catch (e) {
    logger.warn({ err: String(e) }, 'the figure whose sketch cannot be read was not found');
    return undefined;
  }
}

/**
 * What fails in Spark often fails because SPARK_JDBC_URL leads elsewhere, with an error that names a snapshot or a
 * table. Asked only then: a run that succeeds has read inside a snapshot of the right server.
 * @throws ServerRefused when it does
 */
async function refuseAnotherServer(session: SparkSession, { url, identity, tag }: Reading): Promise<void> {
  if (identity === undefined || session.broken) return;
  const found = await askIdentity(session, url, `identity_${tag.replaceAll(/[^a-z0-9]/g, '_')}`).catch(
    () => undefined,
  );
  if (found === undefined) return;
  const place = (row: IdentityRow): string =>
    `database ${row.database} of system ${row.system_id}${row.standby ? ', a standby' : ''}`;
  if (place(found) === place(identity)) return;
  throw new ServerRefused(
    'PostgreSQL',
    `SPARK_JDBC_URL, or the service file on Spark's host, leads Spark to another PostgreSQL than DATABASE_URL: Spark ` +
      `reads ${place(found)}, the figures are in ${place(identity)}; \`clickstream doctor\` shows both`,
  );
}

async function askIdentity(
  session: SparkSession,
  url: string,
  view: string,
): Promise<IdentityRow | undefined> {
  const options = { signal: AbortSignal.timeout(TIDY_MS) };
  const source = { url, driver: 'org.postgresql.Driver', dbtable: `(${IDENTITY}) AS identity` };
  await session.createView(view, 'jdbc', source, options);
  try {
    let found: IdentityRow | undefined;
    for await (const batch of session.query(`SELECT * FROM ${view}`, {}, options))
      found = (batch.get(0) as IdentityRow | null) ?? found;
    return found;
  } finally {
    await dropViews(session, [view]);
  }
}

/** What is cached of them goes as well. A server that is gone took the views with it; one that hangs is not waited for. */
async function dropViews(session: SparkSession, views: readonly string[]): Promise<void> {
  if (session.broken) return;
  const signal = AbortSignal.timeout(TIDY_MS);
  // Each of them listens to it, and a large run has many.
  setMaxListeners(0, signal);
  const dropped = views.map((view) => session.command(`DROP VIEW IF EXISTS ${view}`, {}, { signal }));
  await untilOver(Promise.allSettled(dropped), signal, 0).catch(() => undefined);
}

/** Waits for `work`, but no longer than `graceMs` after the signal; what goes on then goes on alone. */
async function untilOver<T>(work: Promise<T>, signal: AbortSignal, graceMs: number): Promise<T> {
  const done = new AbortController();
  const over = new Promise<never>((_, reject) => {
    const giveUp = (): void => {
      sleep(graceMs, undefined, { signal: done.signal }).then(
        () => reject(signal.reason as Error),
        () => undefined,
      );
    };
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true, signal: done.signal });
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    done.abort();
  }
}
