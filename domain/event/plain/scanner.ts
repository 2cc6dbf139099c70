/**
 * Finds values in the bytes of a plain JSON event and makes no object and no text of it. Plain is: an object of
 * objects, texts, numbers, booleans and nulls, without an escape, without an array, no looked-for name twice.
 * JSON.parse accepts all that is plain.
 */
import { Names } from './names.js';
import { isUtf8 } from './utf8.js';

/** What stands at a path. `Whole`: a whole number of at most 15 digits; `Other`: another number, or an object. */
export const Kind = {
  Absent: 0,
  Null: 1,
  Text: 2,
  Whole: 3,
  Fraction: 4,
  True: 5,
  False: 6,
  Other: 7,
} as const;

const MAX_DEPTH = 16;
/** Exact as a number, with room to spare. */
const MAX_DIGITS = 15;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;

export class PlainScanner {
  /** By slot, of the last scan: the kind, and where its bytes begin and end (a text's, without the quotes). */
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** What the last scan read, and a view of the same memory. */
  bytes: Uint8Array = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  private readonly root = new Names();
  /** The last position where four bytes can be read at once. */
  private lastWord = -1;
  /** A byte beyond ASCII was met. */
  private wide = false;
  private scans = 0;

  /** @param paths by slot: each the names of objects in objects */
  constructor(paths: readonly (readonly string[])[]) {
    this.kinds = new Uint8Array(paths.length);
    this.starts = new Int32Array(paths.length);
    this.ends = new Int32Array(paths.length);
    for (const [slot, path] of paths.entries()) {
      let names = this.root;
      for (const [i, step] of path.entries()) {
        const name = names.add(step);
        if (i === path.length - 1) names.slots[name] = slot;
        else names = names.inside[name] ??= new Names();
      }
    }
  }

  /** @returns whether the bytes from `from` to `to` are a plain event; if not, nothing is known of it */
  scan(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.bytes !== bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.lastWord = bytes.length - 4;
    }
    this.wide = false;
    this.scans++;
    this.kinds.fill(Kind.Absent);
    const start = this.skipBlank(from);
    if (bytes[start] !== OPEN) return false;
    const end = this.object(this.root, start, 1);
    // What stands behind `to` belongs to another event: a value that runs on into it ends beyond.
    if (end < 0 || end > to) return false;
    for (let at = end; at < to; at++) if (!isBlank(bytes[at])) return false;
    return !this.wide || isUtf8(bytes, from, to);
  }

  // The methods below begin at a position and answer where what they read ends, or -1 when it is not plain.

  /** At the `{`; `names` undefined: nothing is looked for inside. */
  private object(names: Names | undefined, start: number, depth: number): number {
    if (depth > MAX_DEPTH) return -1;
    const { bytes } = this;
    let at = this.skipBlank(start + 1);
    if (bytes[at] === CLOSE) return at + 1;
    let last = -1;
    for (;;) {
      let name = names === undefined ? -1 : names.expected(last, bytes, at);
      if (name >= 0) at += (names as Names).lengthOf(name);
      else {
        if (bytes[at] !== QUOTE) return -1;
        const end = this.text(at + 1) + 1;
        if (end === 0) return -1;
        if (names !== undefined) name = names.find(last, bytes, at, end);
        at = end;
      }
      if (bytes[at] !== COLON) {
        at = this.skipBlank(at);
        if (bytes[at] !== COLON) return -1;
      }
      at = this.skipBlank(at + 1);
      if (name >= 0) {
        at = this.lookedFor(names as Names, name, at, depth);
        last = name;
      } else at = this.value(-1, undefined, at, depth);
      if (at < 0) return -1;
      at = this.skipBlank(at);
      const after = bytes[at];
      if (after === CLOSE) return at + 1;
      if (after !== COMMA) return -1;
      at = this.skipBlank(at + 1);
    }
  }

  /** Of a name that comes twice JSON.parse takes the last value: that is left to it. */
  private lookedFor(names: Names, name: number, at: number, depth: number): number {
    if (names.seen[name] === this.scans) return -1;
    names.seen[name] = this.scans;
    return this.value(names.slots[name] as number, names.inside[name], at, depth);
  }

  private value(slot: number, inside: Names | undefined, start: number, depth: number): number {
    const first = this.bytes[start];
    if (first === QUOTE) {
      const end = this.text(start + 1);
      if (end < 0) return -1;
      if (slot >= 0) this.set(slot, Kind.Text, start + 1, end);
      return end + 1;
    }
    if (first === OPEN) {
      const end = this.object(inside, start, depth + 1);
      if (slot >= 0) this.set(slot, Kind.Other, start, end);
      return end;
    }
    if (first === 0x6e) return this.word('null', Kind.Null, slot, start);
    if (first === 0x74) return this.word('true', Kind.True, slot, start);
    if (first === 0x66) return this.word('false', Kind.False, slot, start);
    return this.number(slot, start);
  }

  private set(slot: number, kind: number, start: number, end: number): void {
    this.kinds[slot] = kind;
    this.starts[slot] = start;
    this.ends[slot] = end;
  }

  /** Behind the opening quote. @returns where the closing one is */
  private text(start: number): number {
    const { bytes, view, lastWord } = this;
    let at = start;
    for (;;) {
      // Four bytes at once: the highest bit of a byte of `stop` is set where a quote, a backslash, a control
      // character or a byte beyond ASCII is; above the first of them it may be set for nothing.
      while (at <= lastWord) {
        const word = view.getInt32(at, true);
        const quote = word ^ 0x22222222;
        const backslash = word ^ 0x5c5c5c5c;
        const stop =
          (((quote - 0x01010101) & ~quote) |
            ((backslash - 0x01010101) & ~backslash) |
            ((word - 0x20202020) & ~word) |
            word) &
          0x80808080;
        if (stop !== 0) {
          at += (31 - Math.clz32(stop & -stop)) >> 3;
          break;
        }
        at += 4;
      }
      const byte = bytes[at];
      if (byte === QUOTE) return at;
      if (byte === undefined || byte < SPACE || byte === BACKSLASH) return -1;
      if (byte > 0x7f) this.wide = true;
      at++;
    }
  }

  private word(word: string, kind: number, slot: number, start: number): number {
    for (let i = 1; i < word.length; i++) if (this.bytes[start + i] !== word.charCodeAt(i)) return -1;
    const end = start + word.length;
    if (slot >= 0) this.set(slot, kind, start, end);
    return end;
  }

  private number(slot: number, start: number): number {
    const { bytes } = this;
    const first = bytes[start] === MINUS ? start + 1 : start;
    let at = this.digits(first);
    const leadingZero = bytes[first] === ZERO;
    if (at === first || (leadingZero && at > first + 1)) return -1;
    // `-0` is a number that the text of its digits is not.
    let kind: number = at - first > MAX_DIGITS || (leadingZero && first > start) ? Kind.Fraction : Kind.Whole;
    if (bytes[at] === POINT) {
      kind = Kind.Fraction;
      const end = this.digits(at + 1);
      if (end === at + 1) return -1;
      at = end;
    }
    if (((bytes[at] ?? 0) | 0x20) === 0x65) {
      kind = Kind.Fraction;
      const sign = bytes[at + 1];
      const from = sign === MINUS || sign === PLUS ? at + 2 : at + 1;
      at = this.digits(from);
      if (at === from) return -1;
    }
    if (slot >= 0) this.set(slot, kind, start, at);
    return at;
  }

  private digits(start: number): number {
    let at = start;
    for (;;) {
      const byte = this.bytes[at] ?? 0;
      if (byte < ZERO || byte > NINE) return at;
      at++;
    }
  }

  private skipBlank(start: number): number {
    let at = start;
    while (isBlank(this.bytes[at])) at++;
    return at;
  }
}

const isBlank = (byte: number | undefined): boolean =>
  byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
