/** Finds values in the bytes of plain events: a window on these bytes lies in the kernel's memory. */
import { PADDING, type PlainKernel } from './kernel.js';

export class PlainScanner {
  /** By slot, of the last scan: the kind, and where in `bytes` the value begins and ends (a text, without the quotes). */
  readonly kinds: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
  /** What the window holds a part of. */
  private seen: Uint8Array = new Uint8Array(0);
  private seenFrom = 0;
  private seenTo = 0;
  /** From a position in what is seen to its address. */
  private shift = 0;

  constructor(private readonly kernel: PlainKernel) {
    this.kinds = kernel.kinds;
    this.starts = kernel.starts;
    this.ends = kernel.ends;
    this.bytes = kernel.memory;
  }

  /**
   * @param bytes never to change: they may have been copied before
   * @returns whether those from `from` to `to` are a plain event that fits the window; if not, nothing is known of it
   */
  scan(bytes: Uint8Array, from: number, to: number): boolean {
    if (bytes !== this.seen || from < this.seenFrom || to > this.seenTo) {
      if (to - from > this.kernel.window.length) return false;
      this.see(bytes, from);
    }
    return this.kernel.scan(from + this.shift, to + this.shift);
  }

  private see(bytes: Uint8Array, from: number): void {
    const { memory, window } = this.kernel;
    const part = bytes.subarray(from, from + window.length);
    window.set(part);
    const end = window.byteOffset + part.length;
    memory.fill(0, end, end + PADDING);
    this.seen = bytes;
    this.seenFrom = from;
    this.seenTo = from + part.length;
    this.shift = window.byteOffset - from;
  }
}
