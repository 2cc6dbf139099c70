import { EPOCH_US_NUMBER } from '../clients/postgres/copyBuffer.js';
import { EVENT_ID_AT } from '../clients/postgres/kernel/types.js';
import type { SpoolReader } from './spoolReader.js';

/** Event ids and times of a batch's clicks, in the order of its rows. */
export interface ClickKeys {
  /** 16 bytes a row. */
  readonly ids: Uint8Array;
  /** µs since 1970. */
  readonly timesUs: Float64Array;
}

/** Behind the event id and its own length. */
const TIME_AT = EVENT_ID_AT + 16 + 4;
const KEYS_END = TIME_AT + 8;
const TWO_32 = 2 ** 32;

/** Reads the whole file of clicks. @throws SpoolLost */
export async function readClickKeys(
  reader: Pick<SpoolReader, 'batch' | 'rows' | 'endOf'>,
): Promise<ClickKeys> {
  const { rows } = reader.batch;
  const ids = new Uint8Array(rows * 16);
  const timesUs = new Float64Array(rows);
  const take = (bytes: Uint8Array, from: number, row: number): void => {
    for (let i = 0, at = from + EVENT_ID_AT; i < 16; i++) ids[row * 16 + i] = bytes[at + i] as number;
    const view = new DataView(bytes.buffer, bytes.byteOffset + from + TIME_AT, 8);
    timesUs[row] = view.getInt32(0) * TWO_32 + view.getUint32(4) + EPOCH_US_NUMBER;
  };
  /** Keys that lie in more than one chunk. */
  const parted = new Uint8Array(KEYS_END);
  let row = 0;
  /** Where the chunk begins in the file; COPY's header is in front of it. */
  let at: number | undefined;
  for await (const chunk of reader.rows('click_data', [[0, rows]])) {
    if (at === undefined) {
      at = 0;
      continue;
    }
    for (; row < rows; row++) {
      const from = reader.endOf('click_data', row - 1) - at;
      const missing = from + KEYS_END - chunk.length;
      if (missing > 0) {
        if (from < chunk.length) parted.set(chunk.subarray(Math.max(from, 0)), Math.max(-from, 0));
        break;
      }
      if (from >= 0) take(chunk, from, row);
      else {
        parted.set(chunk.subarray(0, from + KEYS_END), -from);
        take(parted, 0, row);
      }
    }
    at += chunk.length;
  }
  return { ids, timesUs };
}
