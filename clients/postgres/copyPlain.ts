import { ipv4InBytes } from '../../domain/event/address.js';
import type { PlainColumn, PlainEvent } from '../../domain/event/plain/event.js';
import { MADE, NONE } from '../../domain/event/plain/places.js';
import { Kind } from '../../domain/event/plain/scanner.js';
import { Rejection } from '../../domain/event/rejection.js';
import { MAX_KEY_BYTES } from '../../domain/event/text.js';
import { withoutPassword } from '../../domain/event/url.js';
import { uuidInBytes } from '../../domain/event/uuid.js';
import type { CopyEncoder, RowKeys } from './copyBinary.js';
import { INET_IPV4 } from './inet.js';

/** Rows of one family, copied from the bytes of plain events. */
export class PlainRows {
  private readonly uuid = new Uint8Array(16);

  constructor(
    private readonly encoder: CopyEncoder,
    private readonly event: PlainEvent,
    private readonly columns: readonly PlainColumn[],
  ) {}

  /** Appends the row of the event that was begun. @returns false where only the decoder can judge: truncate then */
  add(keys: RowKeys): boolean {
    this.encoder.beginWithKeys(keys);
    for (const column of this.columns) if (!this.field(column)) return false;
    return true;
  }

  private field(column: PlainColumn): boolean {
    const slot = this.event.find(column.places, column.isUrl);
    if (slot >= 0) return this.found(column, slot);
    if (slot === MADE) return !column.isUrl && this.made(column, this.event.made);
    if (slot !== NONE || column.required) return false;
    this.encoder.none();
    return true;
  }

  /** A value as the decoder has it. */
  private made(column: PlainColumn, made: unknown): boolean {
    const value = column.convert(made);
    if (value instanceof Rejection) return false;
    this.encoder.field(column.type, value);
    return true;
  }

  /** What most values are is copied; the others are made a value first. */
  private found(column: PlainColumn, slot: number): boolean {
    const { event } = this;
    const { kinds } = event.scanner;
    if (kinds[slot] === Kind.Other) return false;
    if (column.type === 'text' && kinds[slot] !== Kind.Fraction) return this.text(column, slot);
    return this.copied(column, slot) || this.made(column, event.valueOf(slot));
  }

  /** @returns false, and nothing is appended, where the bytes are not of the plainest form */
  private copied(column: PlainColumn, slot: number): boolean {
    const { encoder, event } = this;
    const { bytes, kinds, starts, ends } = event.scanner;
    const start = starts[slot] as number;
    const end = ends[slot] as number;
    switch (column.type) {
      case 'integer': {
        const number = wholeNumber(bytes, start, end);
        if (number !== (number | 0)) return false;
        encoder.int4(number);
        return true;
      }
      case 'bigint': {
        const number = wholeNumber(bytes, start, end);
        if (Number.isNaN(number)) return false;
        encoder.safeInt8(number);
        return true;
      }
      case 'uuid':
        if (!uuidInBytes(bytes, start, end, this.uuid)) return false;
        encoder.bytes16(this.uuid);
        return true;
      case 'inet': {
        const address = kinds[slot] === Kind.Text ? ipv4InBytes(bytes, start, end) : undefined;
        if (address === undefined) return false;
        encoder.int8(INET_IPV4, address);
        return true;
      }
      case 'text':
      case 'boolean':
      case 'double':
      case 'timestamptz':
      case 'date':
      case 'jsonb':
        return false;
    }
  }

  private text(column: PlainColumn, slot: number): boolean {
    const { event, encoder } = this;
    const { bytes, view, starts, ends } = event.scanner;
    const start = starts[slot] as number;
    const end = ends[slot] as number;
    if (column.isKey && end - start > MAX_KEY_BYTES) return false;
    if (!encoder.slice(bytes, view, start, end)) return true;
    // Where an `@` is, there may be a password before it, which the decoder takes out.
    const text = event.textOf(slot);
    return withoutPassword(text) === text;
  }
}

const MAX_DIGITS = 15;

/** Of digits, perhaps behind a `-`, of a number or a text; NaN for everything else. */
function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === 0x2d;
  const first = negative ? start + 1 : start;
  if (end === first || end - first > MAX_DIGITS) return NaN;
  let number = 0;
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return negative ? 0 - number : number;
}
