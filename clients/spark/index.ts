/**
 * A client of Spark Connect (4.1 or newer): SQL with named parameters, results as Arrow batches.
 *
 * ```ts
 * const session = await openSpark('sc://127.0.0.1:15002');
 * try {
 *   for await (const batch of session.query('SELECT :n + id AS n FROM range(10)', { n: 5n }, { tag: 'sums' }))
 *     for (const row of batch) console.log(row.n);
 * } finally {
 *   await session.close();
 * }
 * ```
 *
 * - **Session.** `openSpark` checks the version, then sets UTC, ANSI and what this client needs. A session knows the
 *   server's side of itself: after a restart every call is refused and `broken` is true, and no query ever runs without
 *   the views it was written for. `supplySpark` keeps one session and replaces it then.
 * - **Queries** survive the loss of their connection: a stream that breaks, ends early or falls silent is taken up behind
 *   the last response, each row once. What is aborted, or not read to its end, is interrupted on the server; `interrupt`
 *   and `interruptOperation` end the work of others. A slow reader holds the server back: about a message and 1 MiB wait
 *   in memory.
 * - **Values.** Parameters are text, numbers, bigints, booleans, bytes and null; a whole number becomes BIGINT, another
 *   DOUBLE. Columns come as: BIGINT → bigint; INT, SMALLINT, TINYINT, FLOAT, DOUBLE → number; STRING → string; BOOLEAN →
 *   boolean; BINARY → Uint8Array; DATE → ms since 1970; ARRAY → Vector; STRUCT → row. DECIMAL, TIMESTAMP, TIME and
 *   intervals would lie and are refused by name, with what to write instead.
 * - **Errors.** `SparkQueryFailed` with Spark's class and SQLSTATE and `SparkColumnRefused` are final; `ServerRefused`
 *   (version, token, certificate, missing driver, log-in of PostgreSQL) needs a person; `ServerUnavailable` (unreachable,
 *   restarted, interrupted) may be tried again, `ServerExhausted` (out of memory) a few times; `ConfigurationError`
 *   names the parameter of the address. An abort throws the signal's own reason.
 */
import { SparkSession, type OpenOptions } from './session.js';

export type { RecordBatch as SparkBatch } from 'apache-arrow';
export type { SparkPatience } from './connection.js';
export { createViews } from './createViews.js';
export { SparkColumnRefused, SparkQueryFailed } from './errors.js';
export type { SparkValue } from './literal.js';
export { SPARK_MEMORY } from './mapError.js';
export { parseSparkRemote, type SparkRemote } from './remote.js';
export type { SparkProgress } from './requests.js';
export { SparkSession, type ExecuteOptions, type OpenOptions } from './session.js';
export { supplySpark, type SparkSupply } from './supply.js';

/** Opens a session at `sc://host:port/;token=…;use_ssl=true`; `parseSparkRemote` describes the parameters. */
export const openSpark = (remote: string, options: OpenOptions = {}): Promise<SparkSession> =>
  SparkSession.open(remote, options);
