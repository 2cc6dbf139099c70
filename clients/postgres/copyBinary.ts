import type { ColumnType } from '../../domain/config/config.js';
import { ipv4Number } from '../../domain/event/address.js';
import { uuidBytes } from '../../domain/event/uuid.js';
import { CopyBuffer, EPOCH_US_NUMBER, highHalf } from './copyBuffer.js';
import { inetBytes } from './inet.js';
import { INET_IPV4 } from './kernel/types.js';

/** PostgreSQL counts times from 2000-01-01. */
const EPOCH_US = BigInt(EPOCH_US_NUMBER);
const EPOCH_DAYS = 10_957;

/** What surrounds the rows of a binary COPY. */
export const COPY_HEADER = Buffer.from([
  ...Buffer.from('PGCOPY\n'),
  0xff,
  0x0d,
  0x0a,
  0x00,
  ...new Array<number>(8).fill(0),
]);
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

export type CopyType = ColumnType | 'bytea';
export type CopyValue = string | number | bigint | boolean | Uint8Array | null;

/** What a row of `rowWithKeys` begins with. */
export interface RowKeys {
  /** The click_id in its halves of 32 bits. */
  readonly high: number;
  readonly low: number;
  /** 16 bytes; undefined: the table has no such column. */
  readonly eventId: Uint8Array | undefined;
  /** The event_time in halves of 32 bits: see `timeInHalves`. */
  readonly timeHigh: number;
  readonly timeLow: number;
}

/** @param timeUs µs since 1970, a whole number */
export function timeInHalves(timeUs: number): Pick<RowKeys, 'timeHigh' | 'timeLow'> {
  const time = timeUs - EPOCH_US_NUMBER;
  return { timeHigh: highHalf(time), timeLow: time | 0 };
}

/** Rows of one table in PostgreSQL's binary COPY form, without header and trailer. */
export class CopyEncoder extends CopyBuffer {
  constructor(private readonly types: readonly CopyType[]) {
    super();
  }

  /** Appends one row; values in the order and of the types that the constructor was given. */
  row(values: readonly CopyValue[]): void {
    this.begin(this.types.length);
    this.fields(values, 0);
  }

  /** Appends one row whose first columns are click_id, perhaps event_id, and event_time; then come the values. */
  rowWithKeys(keys: RowKeys, values: readonly CopyValue[]): void {
    this.beginWithKeys(keys);
    this.fields(values, keys.eventId === undefined ? 2 : 3);
  }

  /** Appends the head of a row; the fields behind the keys are to follow, one by one. */
  beginWithKeys({ high, low, eventId, timeHigh, timeLow }: RowKeys): void {
    this.begin(this.types.length);
    this.int8(high, low);
    if (eventId !== undefined) this.bytes(eventId);
    this.int8(timeHigh, timeLow);
  }

  private fields(values: readonly CopyValue[], before: number): void {
    const { types } = this;
    for (let i = before; i < types.length; i++) this.field(types[i] ?? 'text', values[i - before] ?? null);
  }

  field(type: CopyType, value: CopyValue): void {
    if (value === null) {
      this.none();
      return;
    }
    switch (type) {
      case 'text':
        this.text(typeof value === 'string' ? value : String(value), 0);
        return;
      case 'jsonb':
        this.text(String(value), 1);
        return;
      case 'bytea':
        this.bytes(value as Uint8Array);
        return;
      case 'uuid':
        this.bytes(typeof value === 'string' ? uuid(value) : (value as Uint8Array));
        return;
      case 'inet':
        this.inet(String(value));
        return;
      case 'boolean':
        this.bool(value === true);
        return;
      case 'integer':
        this.int4(Number(value));
        return;
      case 'date':
        this.int4(Number(value) - EPOCH_DAYS);
        return;
      case 'bigint':
        this.bigint(BigInt(value as bigint));
        return;
      case 'timestamptz':
        this.bigint(BigInt(value as bigint) - EPOCH_US);
        return;
      case 'double':
        this.float8(Number(value));
        return;
    }
  }

  private inet(text: string): void {
    const address = ipv4Number(text);
    if (address === undefined) this.bytes(inetBytes(text));
    else this.int8(INET_IPV4, address);
  }
}

function uuid(text: string): Uint8Array {
  const bytes = uuidBytes(text);
  if (bytes === undefined) throw new RangeError('a uuid value is no uuid');
  return bytes;
}
