/** The two answers that a run takes from Spark, whole or, when they are large, in slices of what its executors keep. */
import type { TouchedKeys } from '../clients/postgres/aggregate/cleanParts.js';
import { FIGURE_COLUMNS } from '../clients/postgres/aggregate/copyFigures.js';
import type { Answer, ReadingPlan } from '../clients/postgres/aggregate/reading.js';
import type { ExecuteOptions, SparkBatch, SparkSession } from '../clients/spark/index.js';
import type { AnalyzeDeps } from './deps.js';

/** What becomes of the figures. */
export interface Taker {
  readonly take: (batches: AsyncIterable<SparkBatch>) => Promise<void>;
  /** Once the hours' figures are taken: the keys to be rolled up. */
  readonly touched: () => Promise<TouchedKeys>;
}

/** What is left to drop, and to look at when a sketch of it cannot be read. */
export interface Made {
  readonly views: string[];
  parts: string | undefined;
}

/** They are cached, since the roll-up reads them once more. */
export async function computeHours(
  deps: AnalyzeDeps,
  session: SparkSession,
  options: ExecuteOptions,
  { hours, slices }: ReadingPlan,
  { take }: Taker,
  made: Made,
): Promise<void> {
  made.views.push(hours.table);
  if (slices.length === 1) {
    await session.command(cacheStatement('LAZY', hours), {}, options);
    await take(afterFailpoint(session.query(`SELECT ${COLUMNS} FROM ${hours.table}`, {}, options), deps));
    return;
  }
  await Promise.all([
    session.command(cacheStatement('', hours), {}, options),
    deps.failpoint('runSparkAggregation:mid-spark'),
  ]);
  await takeSlices(session, options, slices, hours.table, take);
}

/** Of days, months and the total. */
export async function computeRollUps(
  session: SparkSession,
  options: ExecuteOptions,
  slices: readonly string[],
  figures: Answer,
  { take }: Taker,
  made: Made,
): Promise<void> {
  if (slices.length === 1)
    return take(session.query(`SELECT ${COLUMNS} FROM (${figures.query})`, {}, options));
  made.views.push(figures.table);
  await session.command(cacheStatement('', figures), {}, options);
  await takeSlices(session, options, slices, figures.table, take);
}

const cacheStatement = (when: 'LAZY' | '', { table, query }: Answer): string =>
  `CACHE ${when} TABLE ${table} OPTIONS ('storageLevel' 'DISK_ONLY') AS ${query}`;

async function takeSlices(
  session: SparkSession,
  options: ExecuteOptions,
  slices: readonly string[],
  table: string,
  take: Taker['take'],
): Promise<void> {
  for (const slice of slices)
    await take(session.query(`SELECT ${COLUMNS} FROM ${table} WHERE ${slice}`, {}, options));
}

const COLUMNS = FIGURE_COLUMNS.join(', ');

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
