import { isIPv4, isIPv6 } from 'node:net';
import type { ColumnType } from '../../domain/config/config.js';
import { ipv4Number } from '../../domain/event/address.js';
import { uuidBytes } from '../../domain/event/uuid.js';

/** PostgreSQL counts times from 2000-01-01. */
const EPOCH_US = 946_684_800_000_000n;
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
  /** µs since 1970, a whole number. */
  readonly timeUs: number;
}

const TWO_32 = 2 ** 32;
const EPOCH_US_NUMBER = Number(EPOCH_US);
/** Up to this length a loop over the characters is quicker than a call out of JavaScript. */
const SHORT_TEXT = 48;

/** Rows of one table in PostgreSQL's binary COPY form, without header and trailer. */
export class CopyEncoder {
  private buffer: Buffer = Buffer.allocUnsafe(256 * 1024);
  private view = viewOf(this.buffer);
  private at = 0;

  constructor(private readonly types: readonly CopyType[]) {}

  /** Bytes that `take` would give. */
  get length(): number {
    return this.at;
  }

  /** Appends one row; values in the order and of the types that the constructor was given. */
  row(values: readonly CopyValue[]): void {
    this.begin();
    this.fields(values, 0);
  }

  /** Appends one row whose first columns are click_id, perhaps event_id, and event_time; then come the values. */
  rowWithKeys({ high, low, eventId, timeUs }: RowKeys, values: readonly CopyValue[]): void {
    this.begin();
    this.int8(high, low);
    if (eventId !== undefined) this.bytes(eventId);
    const time = timeUs - EPOCH_US_NUMBER;
    this.int8(Math.floor(time / TWO_32), time);
    this.fields(values, eventId === undefined ? 2 : 3);
  }

  /** Hands over what was encoded since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.buffer.subarray(0, this.at));
    this.at = 0;
    return taken;
  }

  private need(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
    this.view = viewOf(larger);
  }

  private begin(): void {
    this.need(2);
    this.view.setInt16(this.at, this.types.length);
    this.at += 2;
  }

  private fields(values: readonly CopyValue[], before: number): void {
    const { types } = this;
    for (let i = before; i < types.length; i++) this.field(types[i] ?? 'text', values[i - before] ?? null);
  }

  private field(type: CopyType, value: CopyValue): void {
    if (value === null) {
      this.need(4);
      this.view.setInt32(this.at, -1);
      this.at += 4;
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
        this.length4(1);
        this.view.setInt8(this.at, value === true ? 1 : 0);
        this.at += 1;
        return;
      case 'integer':
        this.int4(Number(value));
        return;
      case 'date':
        this.int4(Number(value) - EPOCH_DAYS);
        return;
      case 'bigint':
        this.length4(8);
        this.view.setBigInt64(this.at, BigInt(value as bigint));
        this.at += 8;
        return;
      case 'timestamptz':
        this.length4(8);
        this.view.setBigInt64(this.at, BigInt(value as bigint) - EPOCH_US);
        this.at += 8;
        return;
      case 'double':
        this.length4(8);
        this.view.setFloat64(this.at, Number(value));
        this.at += 8;
        return;
    }
  }

  /** The length of a field whose bytes follow, and room for both. */
  private length4(bytes: number): void {
    this.need(4 + bytes);
    this.view.setInt32(this.at, bytes);
    this.at += 4;
  }

  private int4(value: number): void {
    this.length4(4);
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  /** Of `low` only the lowest 32 bits count. */
  private int8(high: number, low: number): void {
    this.length4(8);
    this.view.setInt32(this.at, high);
    this.view.setInt32(this.at + 4, low);
    this.at += 8;
  }

  private bytes(value: Uint8Array): void {
    this.length4(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  private inet(text: string): void {
    const address = ipv4Number(text);
    if (address === undefined) {
      this.bytes(inet(text));
      return;
    }
    this.length4(8);
    this.view.setInt32(this.at, INET_IPV4);
    this.view.setInt32(this.at + 4, address);
    this.at += 8;
  }

  /** `jsonb` has a version byte of 1 in front. */
  private text(value: string, version: 0 | 1): void {
    // A UTF-16 unit is at most three bytes.
    this.need(5 + value.length * 3);
    const begin = this.at + 4;
    if (version === 1) this.buffer[begin] = 1;
    const from = begin + version;
    let end = value.length <= SHORT_TEXT ? this.ascii(value, from) : -1;
    if (end < 0) end = from + this.buffer.write(value, from);
    this.view.setInt32(this.at, end - begin);
    this.at = end;
  }

  /** @returns where the text ends, -1 when it is not all ASCII */
  private ascii(value: string, from: number): number {
    const { buffer } = this;
    const { length } = value;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) return -1;
      buffer[from + i] = code;
    }
    return from + length;
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Buffer): DataView =>
  new DataView(buffer, byteOffset, byteLength);

function uuid(text: string): Uint8Array {
  const bytes = uuidBytes(text);
  if (bytes === undefined) throw new RangeError('a uuid value is no uuid');
  return bytes;
}

/** The four bytes in front of an IPv4 address: see `inet`. */
const INET_IPV4 = (2 << 24) | (32 << 16) | 4;

/** Family (2 or 3), prefix length, is it a network, count of bytes, bytes. */
function inet(text: string): Uint8Array {
  const [address = '', prefix] = text.split('/');
  const bytes = isIPv4(address) ? ipv4(address) : isIPv6(address) ? ipv6(address) : undefined;
  if (bytes === undefined) throw new RangeError('an inet value is no address');
  return Uint8Array.from([
    bytes.length === 4 ? 2 : 3,
    prefix === undefined ? bytes.length * 8 : Number(prefix),
    0,
    bytes.length,
    ...bytes,
  ]);
}

const ipv4 = (text: string): number[] => text.split('.').map(Number);

function ipv6(text: string): number[] {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const groups = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          const n = parseInt(group, 16);
          return [n >> 8, n & 255];
        });
  const tail = dotted?.[2] === undefined ? [] : ipv4(dotted[2]);
  const hex = dotted?.[1] === undefined ? text : dotted[1].replace(/([^:]):$/, '$1');
  const [left = '', right] = hex.split('::');
  const head = groups(left);
  const rest = [...groups(right ?? ''), ...tail];
  return right === undefined
    ? [...head, ...tail]
    : [...head, ...new Array<number>(16 - head.length - rest.length).fill(0), ...rest];
}
