/**
 * What compressed data says of itself before anything is unpacked: so that a small batch which unpacks to
 * gigabytes is refused without allocating them, whatever library reads it.
 * All functions throw when the frame points outside its bytes or is of another format.
 */

const KIB = 1024;

/** One raw snappy block and the bytes that it unpacks to. */
export interface SnappyBlock {
  readonly block: Buffer;
  readonly size: number;
}

/** Magic of the framing that Java clients write (xerial's), 8 bytes; version and oldest reader follow, 4 each. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER = 16;

/** The blocks of xerial's framing; without it, as librdkafka writes, all bytes are one block. */
export function snappyBlocks(bytes: Buffer): readonly SnappyBlock[] {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return [{ block: bytes, size: snappySize(bytes) }];
  const blocks: SnappyBlock[] = [];
  for (let at = XERIAL_HEADER; at < bytes.length;) {
    need(bytes, at + 4);
    const length = bytes.readUInt32BE(at);
    at += 4;
    need(bytes, at + length);
    const block = bytes.subarray(at, at + length);
    blocks.push({ block, size: snappySize(block) });
    at += length;
  }
  return blocks;
}

/** A block begins with its unpacked size, seven bits a byte, the lowest first. */
function snappySize(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    need(block, i + 1);
    const byte = block.readUInt8(i);
    size += (byte & 127) * 128 ** i;
    if (byte < 128) return size;
  }
  throw new Error('a block does not say its size');
}

/** What the last gzip member unpacks to, as its trailer says, modulo 2^32; producers write one member. */
export const gzipSize = (bytes: Buffer): number =>
  bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4);

const LZ4_MAGIC = 0x184d2204;
const LZ4_FLAG = { blockChecksum: 0x10, contentSize: 0x08, contentChecksum: 0x04, dictionary: 0x01 } as const;
/** In the high bit of a block's length: the block is stored as it is. */
const LZ4_STORED = 0x80000000;
/** No byte of an LZ4 block stands for more. */
const LZ4_RATIO = 255;

/** At most so many bytes come out of these LZ4 frames: each block but the last is full, so little is added. */
export function lz4Bound(bytes: Buffer): number {
  let bound = 0;
  for (let at = 0; at < bytes.length;) {
    need(bytes, at + 7);
    if (bytes.readUInt32LE(at) !== LZ4_MAGIC) throw new Error('it does not begin with an LZ4 frame');
    const flags = bytes.readUInt8(at + 4);
    const blockMax = 64 * KIB * 4 ** (((bytes.readUInt8(at + 5) >> 4) & 7) - 4);
    at += 7 + (flags & LZ4_FLAG.contentSize ? 8 : 0) + (flags & LZ4_FLAG.dictionary ? 4 : 0);
    for (;;) {
      need(bytes, at + 4);
      const word = bytes.readUInt32LE(at);
      at += 4;
      if (word === 0) break;
      const length = word % LZ4_STORED;
      bound += word >= LZ4_STORED ? length : Math.min(blockMax, length * LZ4_RATIO);
      at += length + (flags & LZ4_FLAG.blockChecksum ? 4 : 0);
    }
    if (flags & LZ4_FLAG.contentChecksum) at += 4;
    need(bytes, at);
  }
  return bound;
}

const ZSTD_MAGIC = 0xfd2fb528;
/** Sixteen magic numbers of frames that readers pass over: these four bits vary. */
const ZSTD_SKIPPABLE = 0x184d2a50;
const ZSTD_BLOCK = { raw: 0, rle: 1, packed: 2 } as const;
/** No packed block stands for more. */
const ZSTD_BLOCK_MAX = 128 * KIB;

/** At most so many bytes come out of these zstd frames: each block but the last is full, so little is added. */
export function zstdBound(bytes: Buffer): number {
  let bound = 0;
  for (let at = 0; at < bytes.length;) {
    need(bytes, at + 8);
    const magic = bytes.readUInt32LE(at);
    if ((magic & ~15) >>> 0 === ZSTD_SKIPPABLE) {
      at += 8 + bytes.readUInt32LE(at + 4);
      need(bytes, at);
      continue;
    }
    if (magic !== ZSTD_MAGIC) throw new Error('it does not begin with a zstd frame');
    const flags = bytes.readUInt8(at + 4);
    at += 5 + zstdHeaderRest(flags);
    for (let last = false; !last;) {
      need(bytes, at + 3);
      const word = bytes.readUIntLE(at, 3);
      last = (word & 1) === 1;
      const type = (word >> 1) & 3;
      const size = word >> 3;
      bound += type === ZSTD_BLOCK.packed ? ZSTD_BLOCK_MAX : size;
      at += 3 + (type === ZSTD_BLOCK.rle ? 1 : size);
    }
    at += flags & 4 ? 4 : 0; // content checksum
    need(bytes, at);
  }
  return bound;
}

/** Bytes of a zstd frame's header after its descriptor: window, dictionary, content size. */
function zstdHeaderRest(flags: number): number {
  const singleSegment = (flags & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][flags & 3] ?? 0;
  const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  return (singleSegment ? 0 : 1) + dictionary + contentSize;
}

function need(bytes: Buffer, end: number): void {
  if (end > bytes.length) throw new Error('it ends before its frame does');
}
