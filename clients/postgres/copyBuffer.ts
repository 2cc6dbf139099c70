/** The fields of PostgreSQL's binary COPY form, each its length and its bytes, in memory that is used again and again. */
import { RowStage } from '../../domain/event/plain/kernel.js';

/** PostgreSQL counts times from 2000-01-01; µs since 1970. */
export const EPOCH_US_NUMBER = 946_684_800_000_000;
const TWO_32 = 2 ** 32;
/** Up to this length a loop over the characters is quicker than a call out of JavaScript. */
const SHORT_TEXT = 48;
/** Of a stage of one's own, bytes. */
const STAGE = 64 * 1024;
/** Longer values pass the stage by, bytes: a text's UTF-16 unit is at most three. */
const LONG = STAGE / 4;
/** Memory that grew beyond this for large values is not kept, bytes; nor does it grow by more at once than they need. */
const MAX_KEPT = 4 * 1024 * 1024;

/** Rows are made in a stage, and gathered from there when it is full. */
export class CopyBuffer {
  private stage = new RowStage(new Uint8Array(STAGE));
  /** The stage's memory. */
  private buffer = bufferOf(this.stage.bytes);
  private view = viewOf(this.stage.bytes);
  private gathered: Buffer = Buffer.allocUnsafeSlow(STAGE);
  private gatheredBytes = 0;

  /** Bytes that were appended since the last `clear`. */
  get length(): number {
    return this.gatheredBytes + (this.stage.owner === this ? this.stage.at : 0);
  }

  /** Bytes that it takes without growing. */
  get capacity(): number {
    return this.gathered.length;
  }

  /** These bytes, good until something is appended. */
  get written(): Buffer {
    this.drain();
    return this.gathered.subarray(0, this.gatheredBytes);
  }

  clear(): void {
    this.truncate(0);
    if (this.gathered.length > MAX_KEPT) this.gathered = Buffer.allocUnsafeSlow(STAGE);
  }

  /** Takes back what was appended beyond a length. */
  truncate(length: number): void {
    if (this.stage.owner === this) this.stage.at = Math.max(0, length - this.gatheredBytes);
    this.gatheredBytes = Math.min(this.gatheredBytes, length);
  }

  /** Hands over a copy of what was appended since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.written);
    this.clear();
    return taken;
  }

  /** From now on rows are made in a stage that others may make theirs in, too: each row is begun with `begin` or `reserve`. */
  makeIn(stage: RowStage): void {
    if (stage === this.stage) return;
    this.drain();
    this.stage = stage;
    this.buffer = bufferOf(stage.bytes);
    this.view = viewOf(stage.bytes);
  }

  /** Makes the stage its own, with room for so many bytes. */
  reserve(bytes: number): void {
    if (this.stage.owner !== this) this.stage.take(this);
    this.need(bytes);
  }

  /** Gathers what is on the stage. */
  drain(): void {
    const { stage } = this;
    if (stage.owner !== this || stage.at === 0) return;
    this.gather(this.buffer.subarray(0, stage.at));
    stage.at = 0;
  }

  begin(fields: number): void {
    this.reserve(2);
    this.view.setInt16(this.stage.at, fields);
    this.stage.at += 2;
  }

  /** NULL. */
  none(): void {
    this.head(-1, 0);
  }

  bool(value: boolean): void {
    this.view.setInt8(this.head(1, 1), value ? 1 : 0);
  }

  int4(value: number): void {
    this.view.setInt32(this.head(4, 4), value);
  }

  /** Of `low` only the lowest 32 bits count. */
  int8(high: number, low: number): void {
    const at = this.head(8, 8);
    this.view.setInt32(at, high);
    this.view.setInt32(at + 4, low);
  }

  bigint(value: bigint): void {
    this.view.setBigInt64(this.head(8, 8), value);
  }

  float8(value: number): void {
    this.view.setFloat64(this.head(8, 8), value);
  }

  bytes(value: Uint8Array): void {
    if (value.length > LONG) {
      this.head(value.length, 0);
      this.drain();
      this.gather(value);
    } else this.buffer.set(value, this.head(value.length, value.length));
  }

  /** `jsonb` has a version byte of 1 in front. */
  text(value: string, version: 0 | 1): void {
    if (value.length * 3 > LONG) {
      this.longText(value, version);
      return;
    }
    this.need(5 + value.length * 3);
    const { at } = this.stage;
    const begin = at + 4;
    if (version === 1) this.buffer[begin] = 1;
    const from = begin + version;
    let end = value.length <= SHORT_TEXT ? this.ascii(value, from) : -1;
    if (end < 0) end = from + this.buffer.write(value, from);
    this.view.setInt32(at, end - begin);
    this.stage.at = end;
  }

  /** A large text is made where it is gathered, and nowhere else. */
  private longText(value: string, version: 0 | 1): void {
    const length = version + Buffer.byteLength(value);
    this.head(length, 0);
    this.drain();
    this.grow(length);
    if (version === 1) this.gathered[this.gatheredBytes] = 1;
    this.gathered.write(value, this.gatheredBytes + version);
    this.gatheredBytes += length;
  }

  /** Puts the length of a field, with room for `room` bytes behind it. @returns where these are */
  private head(bytes: number, room: number): number {
    this.need(4 + room);
    const { stage } = this;
    const { at } = stage;
    this.view.setInt32(at, bytes);
    stage.at = at + 4 + room;
    return at + 4;
  }

  private need(bytes: number): void {
    if (this.stage.at + bytes > this.stage.bytes.length) this.drain();
  }

  private gather(bytes: Uint8Array): void {
    this.grow(bytes.length);
    this.gathered.set(bytes, this.gatheredBytes);
    this.gatheredBytes += bytes.length;
  }

  /** Makes room for so many bytes behind those that are gathered. */
  private grow(bytes: number): void {
    const { gathered, gatheredBytes } = this;
    const length = gatheredBytes + bytes;
    if (length <= gathered.length) return;
    const spare = Math.min(gathered.length, MAX_KEPT);
    this.gathered = Buffer.allocUnsafeSlow(Math.max(gathered.length + spare, length));
    gathered.copy(this.gathered, 0, 0, gatheredBytes);
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

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
