import { isIPv4, isIPv6 } from 'node:net';
import type { ColumnType } from '../../domain/config/config.js';

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

/** Rows of one table in PostgreSQL's binary COPY form, without header and trailer. */
export class CopyEncoder {
  private buffer: Buffer = Buffer.allocUnsafe(256 * 1024);
  private at = 0;

  constructor(private readonly types: readonly CopyType[]) {}

  /** Bytes that `take` would give. */
  get length(): number {
    return this.at;
  }

  /** Appends one row; values in the order and of the types that the constructor was given. */
  row(values: readonly CopyValue[]): void {
    this.need(2);
    this.at = this.buffer.writeInt16BE(this.types.length, this.at);
    for (let i = 0; i < this.types.length; i++) this.field(this.types[i] ?? 'text', values[i] ?? null);
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
  }

  private field(type: CopyType, value: CopyValue): void {
    if (value === null) {
      this.need(4);
      this.at = this.buffer.writeInt32BE(-1, this.at);
      return;
    }
    switch (type) {
      case 'text':
        this.text(String(value), 0);
        return;
      case 'jsonb':
        this.text(String(value), 1);
        return;
      case 'bytea':
        this.bytes(value as Uint8Array);
        return;
      case 'uuid':
        this.bytes(
          typeof value === 'string' ? Buffer.from(value.replaceAll('-', ''), 'hex') : (value as Uint8Array),
        );
        return;
      case 'inet':
        this.bytes(inet(String(value)));
        return;
      case 'boolean':
        this.length4(1);
        this.at = this.buffer.writeInt8(value === true ? 1 : 0, this.at);
        return;
      case 'integer':
        this.length4(4);
        this.at = this.buffer.writeInt32BE(Number(value), this.at);
        return;
      case 'date':
        this.length4(4);
        this.at = this.buffer.writeInt32BE(Number(value) - EPOCH_DAYS, this.at);
        return;
      case 'bigint':
        this.length4(8);
        this.at = this.buffer.writeBigInt64BE(BigInt(value as bigint), this.at);
        return;
      case 'timestamptz':
        this.length4(8);
        this.at = this.buffer.writeBigInt64BE(BigInt(value as bigint) - EPOCH_US, this.at);
        return;
      case 'double':
        this.length4(8);
        this.at = this.buffer.writeDoubleBE(Number(value), this.at);
        return;
    }
  }

  private length4(bytes: number): void {
    this.need(4 + bytes);
    this.at = this.buffer.writeInt32BE(bytes, this.at);
  }

  private bytes(value: Uint8Array): void {
    this.length4(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  /** `jsonb` has a version byte of 1 in front. */
  private text(value: string, version: 0 | 1): void {
    const length = Buffer.byteLength(value);
    this.length4(length + version);
    if (version === 1) this.at = this.buffer.writeInt8(1, this.at);
    this.at += this.buffer.write(value, this.at, 'utf8');
  }
}

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
