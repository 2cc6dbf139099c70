import type { ExecuteOptions, SparkBatch, SparkSession, SparkValue } from '../../../clients/spark/index.js';

export const REMOTE = process.env.SPARK_REMOTE ?? 'sc://127.0.0.1:15002';
/** `host:port` of the server that tests share. */
export const ADDRESS = REMOTE.slice('sc://'.length).split('/')[0] ?? '';

/** Runs until somebody stops it; no two alike, so that each is planned and compiled anew. */
export const endless = (nonce: string): string =>
  `SELECT count(*) AS n FROM range(0, 100000000000, 1, 2) WHERE sha2(CAST(id AS STRING), 256) = '${nonce}'`;

export async function readAll(
  session: SparkSession,
  query: string,
  values: Readonly<Record<string, SparkValue>> = {},
  options: ExecuteOptions = {},
): Promise<SparkBatch[]> {
  const batches: SparkBatch[] = [];
  for await (const batch of session.query(query, values, options)) batches.push(batch);
  return batches;
}

/** The first row of a result. */
export async function oneRow(
  session: SparkSession,
  query: string,
  values: Readonly<Record<string, SparkValue>> = {},
): Promise<Record<string, unknown>> {
  const batches = await readAll(session, query, values);
  const row = batches.find((batch) => batch.numRows > 0)?.get(0);
  if (!row) throw new Error('no row came');
  return row.toJSON();
}

/** Checks that `id` counts up from `from`; returns the number that must come next. */
export function checkCount(batch: SparkBatch, from: bigint): bigint {
  let next = from;
  for (const id of batch.getChild('id') ?? []) {
    if (id !== next) throw new Error(`expected row ${next}, got ${String(id)}`);
    next += 1n;
  }
  return next;
}
