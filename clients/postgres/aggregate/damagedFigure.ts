/** Which of the stored figures that a run builds on has a sketch that Spark cannot read. */
import type { Postgres } from '../pool.js';
import { figureIdOf } from './run.js';
import { SparkQueryFailed, type ExecuteOptions, type SparkSession } from '../../spark/index.js';
import { FigureDamaged } from '../../../domain/errors.js';
import type { Grain } from '../../../domain/names.js';

/** A key of the view that `cleanPartsSource` makes. */
interface Part {
  readonly level: 1 | 2 | 3;
  readonly start_us: bigint;
  readonly url: string;
  readonly country: string;
}

const HASH = 'xxhash64(level, start_us, url, country)';
/** A hash has so many bits: halving ends. */
const MAX_HALVINGS = 64;
const GRAIN: Readonly<Record<Part['level'], Grain>> = { 1: 'hour', 2: 'day', 3: 'month' };

/** Spark's error about a sketch that is none, or cut off. */
export const isUnreadableSketch = (e: unknown): boolean =>
  e instanceof SparkQueryFailed && e.errorClass.startsWith('THETA_INVALID_INPUT');

/**
 * Finds it by halves, with the very function that failed, in the views that the run still has.
 * @returns the error that names it; undefined: none of the stored figures is unreadable
 */
export async function damagedFigure(
  session: SparkSession,
  postgres: Postgres,
  parts: string,
  options: ExecuteOptions,
): Promise<FigureDamaged | undefined> {
  const part = await findPart(session, parts, options);
  if (part === undefined) return undefined;
  const grain = GRAIN[part.level];
  const start = new Date(Number(part.start_us / 1000n));
  const id = await figureIdOf(postgres, grain, start, part.url, part.country);
  const { from, to } = daysOf(grain, start);
  return new FigureDamaged(
    `the users' sketch of the ${grain} figure ${id}, window ${start.toISOString()}, cannot be read; make it anew: ` +
      `\`clickstream backfill --from ${from} --to ${to}\``,
  );
}

async function findPart(
  session: SparkSession,
  parts: string,
  options: ExecuteOptions,
): Promise<Part | undefined> {
  let low = -(2n ** 63n);
  let high = 2n ** 63n;
  const within = (from: bigint, to: bigint): string => `${HASH} BETWEEN ${from} AND ${to - 1n}`;
  if (!(await isUnreadable(session, parts, within(low, high), options))) return undefined;
  for (let halvings = 0; halvings < MAX_HALVINGS; halvings += 1) {
    const middle = (low + high) / 2n;
    if (await isUnreadable(session, parts, within(low, middle), options)) high = middle;
    else low = middle;
    const left = await keys(session, parts, within(low, high), options);
    if (left.length === 1) return left[0];
  }
  return (await keys(session, parts, within(low, high), options))[0];
}

async function isUnreadable(
  session: SparkSession,
  parts: string,
  where: string,
  options: ExecuteOptions,
): Promise<boolean> {
  const query = `SELECT theta_sketch_estimate(theta_union_agg(users_sketch)) FROM ${parts} WHERE ${where}`;
  const batches = session.query(query, {}, options);
  try {
    while (!(await batches.next()).done);
    return false;
  } catch (e) {
    if (isUnreadableSketch(e)) return true;
    throw e;
  }
}

async function keys(
  session: SparkSession,
  parts: string,
  where: string,
  options: ExecuteOptions,
): Promise<readonly Part[]> {
  const found: Part[] = [];
  const query = `SELECT level, start_us, url, country FROM ${parts} WHERE ${where} LIMIT 2`;
  for await (const batch of session.query(query, {}, options))
    for (const row of batch) found.push(row.toJSON() as unknown as Part);
  return found;
}

/** The days whose hours the figure is made of; `to` exclusive. */
function daysOf(grain: Grain, start: Date): { readonly from: string; readonly to: string } {
  const day = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate()));
  const next =
    grain === 'month'
      ? new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1))
      : new Date(day.getTime() + 86_400_000);
  return { from: day.toISOString().slice(0, 10), to: next.toISOString().slice(0, 10) };
}
