import { openKernel } from './kernel.js';

/** What of `kernel/index.ts` it uses. Addresses are numbers. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  allocate(bytes: number): number;
  makeFilter(bytes: number, capacity: number): void;
  claimIds(ids: number, count: number, seen: number): void;
}

export interface ClaimFilterOptions {
  /** Memory of each of the two generations; a power of two of at least 32. Default 16 MiB. */
  readonly bytes?: number;
  /** Bits spent on an id: 16 give one false hit in 750 at worst, 12 one in 170. Default 16. */
  readonly bitsPerId?: number;
}

/** Bytes of an id. */
export const ID_BYTES = 16;
/** Ids that the kernel is given at once. */
const WINDOW = 4096;

/**
 * Which event ids this process has seen lately. It may take a new id for a seen one, never a seen one of the last
 * generation for new, so a hit makes a row a candidate to be checked by the unique index, never a drop.
 */
export class ClaimFilter {
  /** Ids that the younger generation takes before it becomes the older one: so many are always remembered. */
  readonly capacity: number;
  private readonly exports = openKernel<Exports>();
  private readonly ids: Uint8Array;
  private readonly seen: Uint8Array;

  constructor({ bytes = 16 * 1024 * 1024, bitsPerId = 16 }: ClaimFilterOptions = {}) {
    if (bytes < 32 || !Number.isInteger(Math.log2(bytes)))
      throw new RangeError(`bytes of a claim filter: expected a power of two of at least 32, got ${bytes}`);
    this.capacity = Math.max(1, Math.floor((bytes * 8) / bitsPerId));
    const { exports } = this;
    // All memory is taken first: it may grow by that, and views of it from before would be of nothing.
    const ids = exports.allocate(WINDOW * ID_BYTES);
    const seen = exports.allocate(WINDOW);
    exports.makeFilter(bytes, this.capacity);
    this.ids = new Uint8Array(exports.memory.buffer, ids, WINDOW * ID_BYTES);
    this.seen = new Uint8Array(exports.memory.buffer, seen, WINDOW);
  }

  /**
   * Takes ids of 16 bytes, one behind the other.
   * @param seen a byte for each: set to 1 where it may have been taken before, else to 0
   */
  claim(ids: Uint8Array, seen: Uint8Array): void {
    for (let from = 0; from < seen.length; from += WINDOW) {
      const count = Math.min(WINDOW, seen.length - from);
      this.ids.set(ids.subarray(from * ID_BYTES, (from + count) * ID_BYTES));
      this.exports.claimIds(this.ids.byteOffset, count, this.seen.byteOffset);
      seen.set(this.seen.subarray(0, count), from);
    }
  }
}
