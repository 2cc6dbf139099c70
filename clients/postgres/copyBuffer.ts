/** The fields of PostgreSQL's binary COPY form, each its length and its bytes, in memory that is used again and again. */

/** PostgreSQL counts times from 2000-01-01; µs since 1970. */
export const EPOCH_US_NUMBER = 946_684_800_000_000;
const TWO_32 = 2 ** 32;
/** Up to this length a loop over the characters is quicker than a call out of JavaScript. */
const SHORT_TEXT = 48;
const AT_SIGNS = 0x40404040;
const HIGH_BITS = 0x80808080;

export class CopyBuffer {
  private buffer: Buffer = Buffer.allocUnsafeSlow(256 * 1024);
  private view = viewOf(this.buffer);
  private at = 0;

  /** Bytes that were appended since the last `clear`. */
  get length(): number {
    return this.at;
  }

  /** Bytes that it takes without growing. */
  get capacity(): number {
    return this.buffer.length;
  }

  /** These bytes, good until something is appended. */
  get written(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  clear(): void {
    this.at = 0;
  }

  /** Takes back what was appended beyond a length. */
  truncate(length: number): void {
    this.at = length;
  }

  /** Hands over a copy of what was appended since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.written);
    this.clear();
    return taken;
  }

  begin(fields: number): void {
    this.need(2);
    this.view.setInt16(this.at, fields);
    this.at += 2;
  }

  /** NULL. */
  none(): void {
    this.need(4);
    this.view.setInt32(this.at, -1);
    this.at += 4;
  }

  bool(value: boolean): void {
    this.head(1);
    this.view.setInt8(this.at, value ? 1 : 0);
    this.at += 1;
  }

  int4(value: number): void {
    this.head(4);
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  /** Of `low` only the lowest 32 bits count. */
  int8(high: number, low: number): void {
    this.head(8);
    this.view.setInt32(this.at, high);
    this.view.setInt32(this.at + 4, low);
    this.at += 8;
  }

  /** A whole number that a double holds exactly. */
  safeInt8(value: number): void {
    this.int8(highHalf(value), value);
  }

  bigint(value: bigint): void {
    this.head(8);
    this.view.setBigInt64(this.at, value);
    this.at += 8;
  }

  float8(value: number): void {
    this.head(8);
    this.view.setFloat64(this.at, value);
    this.at += 8;
  }

  bytes(value: Uint8Array): void {
    this.head(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }

  bytes16(value: Uint8Array): void {
    this.head(16);
    const { buffer, at } = this;
    for (let i = 0; i < 16; i++) buffer[at + i] = value[i] as number;
    this.at = at + 16;
  }

  /** `jsonb` has a version byte of 1 in front. */
  text(value: string, version: 0 | 1): void {
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

  /** Text that still lies in UTF-8; `view` is of the same memory as `bytes`. @returns whether there is an `@` in it */
  slice(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
    this.head(end - start);
    const { buffer, view: target } = this;
    let { at } = this;
    let from = start;
    // The highest bit of a byte is set where an `@` is; above it perhaps for nothing, never without one.
    let found = 0;
    for (; from <= end - 4; from += 4) {
      const word = view.getInt32(from, true);
      target.setInt32(at, word, true);
      const difference = word ^ AT_SIGNS;
      found |= (difference - 0x01010101) & ~difference;
      at += 4;
    }
    for (; from < end; from++) {
      const byte = bytes[from] as number;
      buffer[at++] = byte;
      if (byte === 0x40) found = HIGH_BITS;
    }
    this.at = at;
    return (found & HIGH_BITS) !== 0;
  }

  /** The length of a field whose bytes follow, and room for both. */
  private head(bytes: number): void {
    this.need(4 + bytes);
    this.view.setInt32(this.at, bytes);
    this.at += 4;
  }

  private need(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
    this.view = viewOf(larger);
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

/** The upper 32 of the 64 bits of a whole number; `value | 0` are the lower ones. */
export const highHalf = (value: number): number => Math.floor(value / TWO_32);

const viewOf = ({ buffer, byteOffset, byteLength }: Buffer): DataView =>
  new DataView(buffer, byteOffset, byteLength);
