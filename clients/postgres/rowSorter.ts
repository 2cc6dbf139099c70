import { openKernel } from './kernel.js';

/** What of `kernel/index.ts` it uses. Addresses and booleans are numbers. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  allocate(bytes: number): number;
  gatheredEndAt(): number;
  orderRows(rows: number, spare: number, count: number): number;
  gatherRows(rows: number, first: number, count: number, into: number, room: number): number;
}

/** Rows of a window, at most. */
const MAX_ROWS = 64 * 1024;
/** Of what is handed over at once, bytes. */
const CHUNK = 256 * 1024;
/** From, to, and two words that the kernel uses. */
const ROW_WORDS = 4;
/** What the kernel may read or write behind a row. */
const OVERRUN = 16;

/**
 * Puts click rows in PostgreSQL's binary COPY form into the order of their event ids, a window of them at a time: a
 * day's unique index takes rows that are neighbours in it much quicker than the same rows at random (docs/design.md).
 */
export class RowSorter {
  /** Rows that are longer cannot be sorted, bytes. */
  static readonly maxRow = CHUNK;
  /** For the bytes of a window's rows. */
  readonly window: Buffer;
  private readonly exports = openKernel<Exports>();
  private readonly windowAt: number;
  private readonly rowsAt: number;
  private readonly spareAt: number;
  private readonly rows: Uint32Array;
  private readonly chunks: readonly { readonly at: number; readonly bytes: Buffer }[];
  private readonly gatheredEnd: Uint32Array;
  private count = 0;
  private turn = 0;

  /** @param windowBytes of how many bytes of rows a window is */
  constructor(windowBytes: number) {
    const { exports } = this;
    // All memory is taken first: it may grow by that, and views of it from before would be of nothing.
    this.windowAt = exports.allocate(windowBytes + OVERRUN);
    this.rowsAt = exports.allocate(MAX_ROWS * ROW_WORDS * 4);
    this.spareAt = exports.allocate(MAX_ROWS * ROW_WORDS * 4);
    const chunks = [exports.allocate(CHUNK + OVERRUN), exports.allocate(CHUNK + OVERRUN)];
    const { buffer } = exports.memory;
    this.window = Buffer.from(buffer, this.windowAt, windowBytes);
    this.rows = new Uint32Array(buffer, this.rowsAt, MAX_ROWS * ROW_WORDS);
    this.chunks = chunks.map((at) => ({ at, bytes: Buffer.from(buffer, at, CHUNK) }));
    this.gatheredEnd = new Uint32Array(buffer, exports.gatheredEndAt(), 1);
  }

  get full(): boolean {
    return this.count === MAX_ROWS;
  }

  /** One row of the window, by where it begins and ends there. */
  add(from: number, to: number): void {
    const at = this.count++ * ROW_WORDS;
    this.rows[at] = this.windowAt + from;
    this.rows[at + 1] = this.windowAt + to;
  }

  /**
   * The rows that were added since the last time, in order; the window may be filled again when all are handed over.
   * A chunk's memory is used again for the chunk after the next.
   */
  *sorted(): Generator<Buffer> {
    const { exports, count } = this;
    this.count = 0;
    const rows = exports.orderRows(this.rowsAt, this.spareAt, count);
    for (let row = 0; row < count;) {
      const { at, bytes } = this.chunks[this.turn] as (typeof this.chunks)[number];
      this.turn = 1 - this.turn;
      row = exports.gatherRows(rows, row, count, at, CHUNK);
      yield bytes.subarray(0, (this.gatheredEnd[0] as number) - at);
    }
  }
}
