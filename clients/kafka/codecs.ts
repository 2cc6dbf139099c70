/** What producers and brokers compress record batches with. */
import { gunzipSync } from 'node:zlib';
import { decompressFrameSync } from 'lz4-napi';
import { uncompressSync } from 'snappy';
import { ZSTDDecoder } from 'zstddec';
import { gzipSize, lz4Bound, snappyBlocks, zstdBound, type SnappyBlock } from './codecFrames.js';

export interface Codec {
  readonly name: string;
  /** What `bytes` unpack to, at most, as they say themselves: gzip's may lie. @throws when they are damaged */
  size(bytes: Buffer): number;
  /**
   * The records of a batch, unpacked.
   * @throws when `bytes` are damaged or unpack to more than `maxBytes`; no more than that is ever allocated for them
   */
  unpack(bytes: Buffer, maxBytes: number): Buffer;
}

const zstd = new ZSTDDecoder();

/** Compiles the WebAssembly that reads zstd; to be awaited once before the first batch. */
export const loadCodecs = (): Promise<void> => zstd.init();

const none: Codec = { name: 'none', size: (bytes) => bytes.length, unpack: (bytes) => bytes };

/** Of what zlib unpacks into at least. */
const GZIP_CHUNK = 16 * 1024;

const gzip: Codec = {
  name: 'gzip',
  size: gzipSize,
  unpack: (bytes, maxBytes) =>
    // One piece takes it all where the trailer tells the truth; zlib gathers pieces and joins them in memory of twice the size.
    gunzipSync(bytes, {
      maxOutputLength: maxBytes,
      chunkSize: Math.max(GZIP_CHUNK, Math.min(gzipSize(bytes), maxBytes) + 1),
    }),
};

const snappy: Codec = {
  name: 'snappy',
  size: (bytes) => sizeOf(snappyBlocks(bytes)),
  unpack(bytes, maxBytes) {
    const blocks = snappyBlocks(bytes);
    const total = sizeOf(blocks);
    within(total, maxBytes);
    const [only] = blocks;
    if (blocks.length === 1 && only !== undefined) return snappyBlock(only.block);
    const all = Buffer.allocUnsafeSlow(total);
    let at = 0;
    for (const { block } of blocks) at += snappyBlock(block).copy(all, at);
    return all.subarray(0, at);
  },
};

const sizeOf = (blocks: readonly SnappyBlock[]): number => blocks.reduce((sum, { size }) => sum + size, 0);

function snappyBlock(block: Buffer): Buffer {
  const part = uncompressSync(block, { asBuffer: true });
  return typeof part === 'string' ? Buffer.from(part) : part;
}

const lz4: Codec = {
  name: 'lz4',
  size: lz4Bound,
  unpack(bytes, maxBytes) {
    within(lz4Bound(bytes), maxBytes);
    return decompressFrameSync(bytes);
  },
};

const zstandard: Codec = {
  name: 'zstd',
  size: zstdBound,
  unpack(bytes, maxBytes) {
    const bound = zstdBound(bytes);
    within(bound, maxBytes);
    const { buffer, byteOffset, byteLength } = zstd.decode(bytes, Math.max(1, bound));
    // The library answers damage with nothing, and a batch that holds records is never empty.
    if (byteLength === 0) throw new Error('the frame is damaged');
    return Buffer.from(buffer, byteOffset, byteLength);
  },
};

/** By the number in a batch's attributes. */
export const CODECS: readonly Codec[] = [none, gzip, snappy, lz4, zstandard];

function within(unpacked: number, maxBytes: number): void {
  if (unpacked > maxBytes) throw new Error(`it unpacks to more than ${maxBytes} bytes`);
}
