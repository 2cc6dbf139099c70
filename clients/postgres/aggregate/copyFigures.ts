import type pg from 'pg';
import { DataType, Type, type Data, type RecordBatch } from 'apache-arrow';
import { COPY_HEADER, COPY_TRAILER } from '../copyBinary.js';
import { CopyBuffer, EPOCH_US_NUMBER, highHalf } from '../copyBuffer.js';
import { copyRows } from '../ingest.js';

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

/** The columns of Spark's answers that are stored. */
export const FIGURE_COLUMNS = ['grain', 'start_us', 'url', 'country', ...FIGURES] as const;

/** The columns that they are copied into. */
const COLUMNS = FIGURE_COLUMNS.map((name) => (name === 'start_us' ? 'window_start' : name));

/** The run's figures, each with its id, inside its transaction; gone with it. */
export async function createFiguresTable(client: pg.ClientBase): Promise<void> {
  await client.query(
    `CREATE TEMPORARY TABLE fresh_figures (
       grain text NOT NULL, window_start timestamptz, url text NOT NULL, country text NOT NULL,
       click_count bigint NOT NULL, bot_clicks bigint NOT NULL,
       unique_users bigint NOT NULL, unique_users_exact boolean NOT NULL, users_sketch bytea NOT NULL,
       timed_clicks bigint NOT NULL, total_time_spent_ms bigint NOT NULL,
       avg_time_spent_ms double precision, median_time_spent_ms double precision, p90_time_spent_ms double precision,
       figure_id bytea GENERATED ALWAYS AS (figure_id(grain, window_start, url, country)) STORED
     ) ON COMMIT DROP`,
  );
}

/** Writes one value of a column. */
type Field = (copy: CopyBuffer, row: number) => void;

/** Halves of 64 bits, the lower one first, as Arrow has them. */
const halvesOf = (values: BigInt64Array): Int32Array =>
  new Int32Array(values.buffer, values.byteOffset, values.length * 2);

function valueOf(name: string, { type, offset, values, valueOffsets }: Data<DataType>): Field {
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    const bytes = values as Uint8Array;
    const ends = valueOffsets as Int32Array;
    return (copy, row) => copy.bytes(bytes.subarray(ends[row], ends[row + 1]));
  }
  if (DataType.isInt(type) && values instanceof BigInt64Array) {
    const halves = halvesOf(values);
    const high = (row: number): number => halves[row * 2 + 1] ?? 0;
    const low = (row: number): number => halves[row * 2] ?? 0;
    return name === 'start_us'
      ? (copy, row) => {
          const timeUs = high(row) * 2 ** 32 + (low(row) >>> 0) - EPOCH_US_NUMBER;
          copy.int8(highHalf(timeUs), timeUs);
        }
      : (copy, row) => copy.int8(high(row), low(row));
  }
  if (DataType.isFloat(type) && values instanceof Float64Array)
    return (copy, row) => copy.float8(values[row] ?? NaN);
  if (DataType.isBool(type)) {
    const bits = values as Uint8Array;
    return (copy, row) => copy.bool((((bits[(offset + row) >> 3] ?? 0) >> ((offset + row) & 7)) & 1) === 1);
  }
  throw new TypeError(`a figure's ${name}: unexpected type ${Type[type.typeId]}`);
}

function fieldOf(batch: RecordBatch, name: string): Field {
  const data = batch.getChild(name)?.data[0] as Data<DataType> | undefined;
  if (data === undefined) throw new TypeError(`a figure without ${name}`);
  const value = valueOf(name, data);
  if (data.nullCount === 0) return value;
  return (copy, row) => {
    if (data.getValid(row)) value(copy, row);
    else copy.none();
  };
}

/** A row is up to 32 KB when its sketch is full: what is written at once stays near this. */
const CHUNK_BYTES = 128 * 1024;

/** The rows of a batch as PostgreSQL's binary form has them, by turns in two pieces of memory. */
function* copyChunks(batch: RecordBatch): Generator<Uint8Array> {
  const fields = FIGURE_COLUMNS.map((name) => fieldOf(batch, name));
  let [copy, other] = [new CopyBuffer(), new CopyBuffer()];
  yield COPY_HEADER;
  for (let row = 0; row < batch.numRows; row += 1) {
    copy.begin(fields.length);
    for (const write of fields) write(copy, row);
    if (copy.length < CHUNK_BYTES && row < batch.numRows - 1) continue;
    yield copy.written;
    [copy, other] = [other, copy];
    copy.clear();
  }
  yield COPY_TRAILER;
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
  for await (const batch of batches)
    if (batch.numRows > 0)
      await exclusive(() => copyRows(client, 'fresh_figures', COLUMNS, copyChunks(batch)));
}
