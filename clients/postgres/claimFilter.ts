/**
 * Which event ids this process has seen lately: a split block Bloom filter of two generations. It may take a new id
 * for a seen one, never a seen one of the last generation for new, so a hit makes a row a candidate to be checked by
 * the unique index, never a drop.
 */

export interface ClaimFilterOptions {
  /** Memory of each of the two generations; a power of two of at least 32. Default 16 MiB. */
  readonly bytes?: number;
  /** Bits spent on an id: 16 give one false hit in 750 at worst, 12 one in 170. Default 16. */
  readonly bitsPerId?: number;
}

/** A block is one cache line's half: eight words, in each of which an id sets one bit. */
const WORDS = 8;
/** Odd constants of the published split block Bloom filter (Parquet's), one a word. */
const SALTS = Int32Array.of(
  0x47b6137b,
  0x44974d91,
  0x8824ad5b,
  0xa2b7289d,
  0x705495c7,
  0x2df1424b,
  0x9efc4947,
  0x5c6bfb31,
);

export class ClaimFilter {
  /** Ids that the younger generation takes before it becomes the older one: so many are always remembered. */
  readonly capacity: number;
  private younger: Int32Array;
  private older: Int32Array;
  private readonly lastBlock: number;
  private claimed = 0;
  /** Until the first generation is full the older one is empty, and looking there would only wait for memory. */
  private aged = false;

  constructor({ bytes = 16 * 1024 * 1024, bitsPerId = 16 }: ClaimFilterOptions = {}) {
    if (bytes < 32 || !Number.isInteger(Math.log2(bytes)))
      throw new RangeError(`bytes of a claim filter: expected a power of two of at least 32, got ${bytes}`);
    this.younger = new Int32Array(bytes / 4);
    this.older = new Int32Array(bytes / 4);
    this.lastBlock = bytes / 32 - 1;
    this.capacity = Math.max(1, Math.floor((bytes * 8) / bitsPerId));
  }

  /** Takes an id of four 32-bit words. @returns whether it may have been taken before */
  claim(a: number, b: number, c: number, d: number): boolean {
    const at = (hash(a, b, c, d, 0x2c1b3c6d) & this.lastBlock) * WORDS;
    const key = hash(d, c, b, a, 0x297a2d39);
    const { younger, older } = this;
    let inYounger = true;
    let inOlder = this.aged;
    for (let i = 0; i < WORDS; i++) {
      const bit = 1 << (Math.imul(key, SALTS[i] ?? 1) >>> 27);
      const word = younger[at + i] ?? 0;
      if ((word & bit) === 0) {
        inYounger = false;
        younger[at + i] = word | bit;
      }
      if (inOlder && ((older[at + i] ?? 0) & bit) === 0) inOlder = false;
    }
    if (!inYounger && ++this.claimed >= this.capacity) this.grow();
    return inYounger || inOlder;
  }

  private grow(): void {
    [this.younger, this.older] = [this.older.fill(0), this.younger];
    this.claimed = 0;
    this.aged = true;
  }
}

/** MurmurHash3 of four words. */
function hash(a: number, b: number, c: number, d: number, seed: number): number {
  let h = seed;
  h = mix(h, a);
  h = mix(h, b);
  h = mix(h, c);
  h = mix(h, d) ^ 16;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function mix(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = h ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
