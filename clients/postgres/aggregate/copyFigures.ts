import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { pipeline } from 'node:stream/promises';
import type { RecordBatch } from 'apache-arrow';

/** What is counted per grain, window, URL and country: the columns that make a figure new when one differs. */
export const FIGURES = [
  'click_count',
  'bot_clicks',
  'unique_users',
  'unique_users_exact',
  'users_sketch',
  'timed_clicks',
  'total_time_spent_ms',
  'avg_time_spent_ms',
  'median_time_spent_ms',
  'p90_time_spent_ms',
] as const;

/** The columns of `figureQuery` that are stored. */
export const FIGURE_COLUMNS = ['grain', 'start_us', 'url', 'country', ...FIGURES] as const;

/** The run's figures, inside its transaction; gone with it. */
export async function createFiguresTable(client: pg.ClientBase): Promise<void> {
  await client.query(
    `CREATE TEMPORARY TABLE fresh_figures (
       grain text NOT NULL, start_us bigint, url text NOT NULL, country text NOT NULL,
       click_count bigint NOT NULL, bot_clicks bigint NOT NULL,
       unique_users bigint NOT NULL, unique_users_exact boolean NOT NULL, users_sketch bytea NOT NULL,
       timed_clicks bigint NOT NULL, total_time_spent_ms bigint NOT NULL,
       avg_time_spent_ms double precision, median_time_spent_ms double precision, p90_time_spent_ms double precision
     ) ON COMMIT DROP`,
  );
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value in COPY's text form. */
function copyText(value: unknown): string {
  if (value === null || value === undefined) return '\\N';
  if (typeof value === 'string')
    return value.replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? character);
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (value instanceof Uint8Array)
    return `\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  throw new TypeError(`a figure of an unexpected kind: ${typeof value}`);
}

/** A row is up to 64 KB of hex when its sketch is full: what is written at once stays near this. */
const CHUNK_CHARACTERS = 256 * 1024;

function* copyLines(batch: RecordBatch): Generator<string> {
  const columns = FIGURE_COLUMNS.map((name) => batch.getChild(name));
  let chunk = '';
  for (let row = 0; row < batch.numRows; row += 1) {
    chunk += `${columns.map((column) => copyText(column?.get(row))).join('\t')}\n`;
    if (chunk.length > CHUNK_CHARACTERS) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
}

/**
 * Copies Arrow batches into the temporary table as they come; at no time are all of them in memory.
 * @param exclusive runs one COPY alone on the connection, which others may use between two batches
 */
export async function copyFigures(
  client: pg.ClientBase,
  batches: AsyncIterable<RecordBatch>,
  exclusive: (copy: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const statement = `COPY fresh_figures (${FIGURE_COLUMNS.join(', ')}) FROM STDIN`;
  for await (const batch of batches)
    if (batch.numRows > 0)
      await exclusive(() => pipeline(copyLines(batch), client.query(copyFrom(statement))));
}
