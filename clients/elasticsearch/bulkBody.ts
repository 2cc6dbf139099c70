import type { FigureRow } from '../../domain/figure.js';
import { roomFor, writeLines } from './document.js';

const SMALLEST = 16 * 1024;
const HEAD = /^\{"(?:index|delete)":\{"_id":"([0-9a-f]*)","version":(-?\d+),/;
/** An id of 512 bytes, which Elasticsearch allows at most, and what stands around it. */
const HEAD_BYTES = 600;

/** The body of a bulk request, one figure after the other. */
export class BulkBody {
  private memory: Buffer;
  private at = 0;
  private readonly ends: number[] = [];

  /** @param room bytes that it will probably have */
  constructor(room = 0) {
    this.memory = Buffer.allocUnsafeSlow(Math.max(SMALLEST, room));
  }

  /** Figures. */
  get count(): number {
    return this.ends.length;
  }

  get bytes(): number {
    return this.at;
  }

  add(row: FigureRow): void {
    this.need(roomFor(row));
    this.at = writeLines(this.memory, this.at, row);
    this.ends.push(this.at);
  }

  /** Appends a figure of another body. */
  addFrom(other: BulkBody, figure: number): void {
    const lines = other.slice(figure, figure + 1);
    this.need(lines.length);
    this.at += lines.copy(this.memory, this.at);
    this.ends.push(this.at);
  }

  /** The bytes of the figures `from` inclusive to `to` exclusive; not a copy. */
  slice(from: number, to: number): Buffer {
    return this.memory.subarray(this.startOf(from), this.startOf(to));
  }

  /** Which figure. */
  key(figure: number): { readonly id: string; readonly version: string } {
    const start = this.startOf(figure);
    const [, id, version] = HEAD.exec(this.memory.toString('latin1', start, start + HEAD_BYTES)) ?? [];
    if (id === undefined || version === undefined)
      throw new Error(`a bulk body has no figure ${figure} of ${this.count}`);
    return { id, version };
  }

  /** Where requests end, figure by figure: each of at most so many bytes; a figure that is larger goes alone. */
  *requests(maxBytes: number, maxFigures: number): Generator<{ readonly from: number; readonly to: number }> {
    for (let from = 0; from < this.count;) {
      let to = from + 1;
      const most = this.startOf(from) + maxBytes;
      while (to < this.count && to - from < maxFigures && this.startOf(to + 1) <= most) to += 1;
      yield { from, to };
      from = to;
    }
  }

  private startOf(figure: number): number {
    return figure === 0 ? 0 : (this.ends[figure - 1] ?? this.at);
  }

  private need(bytes: number): void {
    if (this.at + bytes <= this.memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.memory.length, this.at + bytes));
    this.memory.copy(larger, 0, 0, this.at);
    this.memory = larger;
  }
}
