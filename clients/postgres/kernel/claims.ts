/**
 * A split block Bloom filter of two generations: an id belongs to one block of eight words in each, and sets a bit in
 * every word.
 */

/** Bytes of an id. */
const ID: usize = 16;
/** Bytes of a block: half of what a processor takes from memory at once. */
const BLOCK: usize = 32;
/** Ids whose blocks are asked of memory together: each alone would be waited for. */
const GROUP: u32 = 32;
const hashes = memory.data(32 * 8);
/** What is read only to have it near goes there. */
const near = memory.data(4);

let younger: usize = 0;
let older: usize = 0;
let bytes: usize = 0;
let lastBlock: u32 = 0;
/** New ids that the younger generation takes before it becomes the older one. */
let capacity: u32 = 0;
let claimed: u32 = 0;
/** Until the first generation is full the older one is empty. */
let aged = false;

/** @param size bytes of each generation, a power of two */
export function makeFilter(size: usize, ids: u32): void {
  younger = heap.alloc(size);
  older = heap.alloc(size);
  memory.fill(younger, 0, size);
  bytes = size;
  lastBlock = <u32>(size / BLOCK) - 1;
  capacity = ids;
}

/**
 * Takes ids, one behind the other.
 * @param seen a byte for each: 1 where it may have been taken before
 */
export function claimIds(ids: usize, count: u32, seen: usize): void {
  for (let from: u32 = 0; from < count; from += GROUP) {
    const group = min(GROUP, count - from);
    let read: u32 = 0;
    for (let i: u32 = 0; i < group; i++) {
      const hash = hashOf(ids + <usize>(from + i) * ID);
      store<u64>(hashes + i * 8, hash);
      const block = blockOf(hash);
      read |= load<u32>(younger + block);
      if (aged) read |= load<u32>(older + block);
    }
    store<u32>(near, read);
    for (let i: u32 = 0; i < group; i++) store<u8>(seen + from + i, claim(load<u64>(hashes + i * 8)));
  }
}

function claim(hash: u64): bool {
  const block = blockOf(hash);
  const key = i32x4.splat(<i32>(hash >> 32));
  // The odd constants of the published filter (Parquet's).
  const first = bitsOf(i32x4.mul(key, i32x4(0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d)));
  const second = bitsOf(i32x4.mul(key, i32x4(0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31)));
  const at = younger + block;
  const seen = has(at, first, second);
  const seenBefore = aged && has(older + block, first, second);
  if (!seen) {
    v128.store(at, v128.or(v128.load(at), first));
    v128.store(at + 16, v128.or(v128.load(at + 16), second));
    if (++claimed >= capacity) nextGeneration();
  }
  return seen || seenBefore;
}

/** In each lane, the bit that its five highest bits number. */
@inline
function bitsOf(lanes: v128): v128 {
  // Lanes cannot be shifted by different counts; as a float's exponent the number gives the same.
  const exponents = i32x4.shl(i32x4.add(i32x4.shr_u(lanes, 27), i32x4.splat(127)), 23);
  return i32x4.trunc_sat_f32x4_u(exponents);
}

@inline
function has(block: usize, first: v128, second: v128): bool {
  const missing = v128.or(
    v128.andnot(first, v128.load(block)),
    v128.andnot(second, v128.load(block + 16)),
  );
  return !v128.any_true(missing);
}

function nextGeneration(): void {
  const oldest = older;
  older = younger;
  younger = oldest;
  memory.fill(younger, 0, bytes);
  claimed = 0;
  aged = true;
}

/** Where a hash's block begins in a generation. */
@inline
function blockOf(hash: u64): usize {
  return <usize>(<u32>hash & lastBlock) * BLOCK;
}

@inline
function hashOf(id: usize): u64 {
  return mix(mix(load<u64>(id)) ^ load<u64>(id + 8));
}

/** The last step of MurmurHash3. */
@inline
function mix(word: u64): u64 {
  let mixed = (word ^ (word >> 33)) * 0xff51afd7ed558ccd;
  mixed = (mixed ^ (mixed >> 33)) * 0xc4ceb9fe1a85ec53;
  return mixed ^ (mixed >> 33);
}
