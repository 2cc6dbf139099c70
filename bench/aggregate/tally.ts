/**
 * What a contestant brought to the client, in two numbers that do not depend on the order of the groups: how many
 * there are, and a checksum over every byte of every figure.
 */
import type { RecordBatch } from 'apache-arrow';

/** Columns of a contestant's answer, in this order; `start_us` is the hour as µs since 1970. */
export const ANSWER = [
  'start_us',
  'url',
  'country',
  'click_count',
  'unique_users',
  'timed_clicks',
  'total_time_spent_ms',
] as const;

const FNV_PRIME = 0x01000193;
const TWO_32 = 2 ** 32;

export class Tally {
  groups = 0;
  clicks = 0;
  #low = 0;
  #high = 0;
  #hash = 0;

  /** Takes one group: its parts in the order of ANSWER, then `end`. */
  bytes(bytes: Uint8Array, from: number, to: number): void {
    let hash = this.#hash;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), FNV_PRIME);
    this.#hash = Math.imul(hash ^ (to - from), FNV_PRIME);
  }

  integer(high: number, low: number): void {
    this.#hash = Math.imul(Math.imul(this.#hash ^ high, FNV_PRIME) ^ low, FNV_PRIME) ^ (this.#hash >>> 15);
  }

  end(): void {
    this.groups += 1;
    const hash = this.#hash;
    this.#low = (this.#low + (hash >>> 0)) % TWO_32;
    this.#high = (this.#high + (Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0)) % TWO_32;
    this.#hash = 0;
  }

  get checksum(): string {
    return [this.#high, this.#low].map((half) => half.toString(16).padStart(8, '0')).join('');
  }
}

interface Column {
  /** Low and high half of each integer, by turns. */
  readonly halves?: Int32Array;
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

function columnOf(batch: RecordBatch, name: string): Column {
  const data = batch.getChild(name)?.data[0];
  if (data === undefined || data.nullCount > 0) throw new Error(`a contestant's ${name}: expected no nulls`);
  const values = data.values as Uint8Array | BigInt64Array;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const offsets = data.valueOffsets as Int32Array;
  return values instanceof BigInt64Array
    ? { halves: new Int32Array(values.buffer, values.byteOffset, values.length * 2), bytes, offsets }
    : { bytes, offsets };
}

/** Batches of Arrow whose columns carry the names of ANSWER; further columns are received and not looked at. */
export async function tallyArrow(batches: AsyncIterable<RecordBatch>): Promise<Tally> {
  const tally = new Tally();
  for await (const batch of batches) {
    const columns = ANSWER.map((name) => columnOf(batch, name));
    const clicks = columns[ANSWER.indexOf('click_count')]?.halves;
    for (let row = 0; row < batch.numRows; row++) {
      for (const { halves, bytes, offsets } of columns)
        if (halves === undefined) tally.bytes(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0);
        else tally.integer(halves[row * 2 + 1] ?? 0, halves[row * 2] ?? 0);
      tally.clicks += clicks?.[row * 2] ?? 0;
      tally.end();
    }
  }
  return tally;
}

/** Signature, flags and the length of an extension. */
const COPY_HEADER_BYTES = 19;
const FIELDS = ANSWER.length;
const CLICKS = ANSWER.indexOf('click_count');

/** Rows of a binary COPY with the columns of ANSWER: bigint, text, text, then bigint. */
export async function tallyCopy(chunks: AsyncIterable<Buffer>): Promise<Tally> {
  const tally = new Tally();
  let rest: Buffer = Buffer.alloc(0);
  let skip = COPY_HEADER_BYTES;
  for await (const chunk of chunks) {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    if (skip > 0 && data.length >= skip) {
      at = skip;
      skip = 0;
    }
    while (skip === 0) {
      const end = endOfRow(data, at);
      if (end === undefined) break;
      at = takeRow(tally, data, at);
    }
    rest = data.subarray(at);
  }
  if (rest.length !== 2 || rest.readInt16BE() !== -1) throw new Error('PostgreSQL sent half a row');
  return tally;
}

/** Where the row at `at` ends; undefined: not here yet, or no row follows. */
function endOfRow(data: Buffer, at: number): number | undefined {
  if (at + 2 > data.length || data.readInt16BE(at) < 0) return undefined;
  let end = at + 2;
  for (let field = 0; field < FIELDS; field++) {
    if (end + 4 > data.length) return undefined;
    end += 4 + data.readInt32BE(end);
  }
  return end <= data.length ? end : undefined;
}

function takeRow(tally: Tally, data: Buffer, begin: number): number {
  let at = begin + 2;
  for (let field = 0; field < FIELDS; field++) {
    const length = data.readInt32BE(at);
    at += 4;
    if (field === 1 || field === 2) tally.bytes(data, at, at + length);
    else tally.integer(data.readInt32BE(at), data.readInt32BE(at + 4));
    if (field === CLICKS) tally.clicks += data.readInt32BE(at + 4);
    at += length;
  }
  tally.end();
  return at;
}
