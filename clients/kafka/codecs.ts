/** What producers and brokers compress record batches with. */
import { gunzipSync } from 'node:zlib';
import { decompressFrameSync } from 'lz4-napi';
import { uncompressSync } from 'snappy';
import { ZSTDDecoder } from 'zstddec';
import { lz4Bound, snappyBlocks, zstdBound } from './codecFrames.js';

export interface Codec {
  readonly name: string;
  /**
   * The records of a batch, unpacked.
   * @throws when `bytes` are damaged or unpack to more than `maxBytes`; no more than that is ever allocated for them
   */
  unpack(bytes: Buffer, maxBytes: number): Buffer;
}

const zstd = new ZSTDDecoder();

/** Compiles the WebAssembly that reads zstd; to be awaited once before the first batch. */
export const loadCodecs = (): Promise<void> => zstd.init();

const none: Codec = { name: 'none', unpack: (bytes) => bytes };

const gzip: Codec = {
  name: 'gzip',
  unpack: (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes }),
};

const snappy: Codec = {
  name: 'snappy',
  unpack(bytes, maxBytes) {
    const blocks = snappyBlocks(bytes);
    within(
      blocks.reduce((sum, { size }) => sum + size, 0),
      maxBytes,
    );
    const parts = blocks.map(({ block }) => {
      const part = uncompressSync(block, { asBuffer: true });
      return typeof part === 'string' ? Buffer.from(part) : part;
    });
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  },
};

const lz4: Codec = {
  name: 'lz4',
  unpack(bytes, maxBytes) {
    within(lz4Bound(bytes), maxBytes);
    return decompressFrameSync(bytes);
  },
};

const zstandard: Codec = {
  name: 'zstd',
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
