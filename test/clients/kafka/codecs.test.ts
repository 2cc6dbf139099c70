import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { CODECS, loadCodecs } from '../../../clients/kafka/codecs.js';

const MAX = 16 * 1024 * 1024;
const codec = (name: string) => {
  const found = CODECS.find((c) => c.name === name);
  assert.ok(found);
  return found;
};

/** The framing of snappy-java, blocks of `size` unpacked bytes. */
function xerial(data: Buffer, size = 32 * 1024): Buffer {
  const parts: Buffer[] = [Buffer.from('82534e41505059000000000100000001', 'hex')];
  for (let at = 0; at < data.length; at += size) {
    const block = snappy.compressSync(data.subarray(at, at + size));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** One block a frame, stored or a repeated byte: zstd without a compressor. */
function zstdFrame(type: 'stored' | 'repeated', content: Buffer, times = content.length): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((times << 3) | (type === 'stored' ? 0 : 2) | 1, 0, 3);
  return Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), block, content]);
}

const text = Buffer.from(
  Array.from({ length: 9000 }, (_, i) => `{"id":${i},"url":"/product/${i % 70}"}`).join('\n'),
);
const packed: Readonly<Record<string, Buffer>> = {
  gzip: gzipSync(text),
  snappy: xerial(text),
  lz4: lz4.compressFrameSync(text, { blockChecksums: true, contentChecksum: true }),
  zstd: Buffer.concat(
    [0, 100_000, 200_000].map((at) => zstdFrame('stored', text.subarray(at, at + 100_000))),
  ),
};

describe('the codecs', () => {
  before(loadCodecs);

  test('each unpacks what its writers pack', () => {
    for (const [name, bytes] of Object.entries(packed))
      assert.ok(codec(name).unpack(bytes, MAX).equals(text), name);
    assert.ok(
      codec('snappy').unpack(snappy.compressSync(text), MAX).equals(text),
      'without framing, as librdkafka writes it',
    );
    assert.ok(codec('lz4').unpack(lz4.compressFrameSync(text), MAX).equals(text), 'without checksums');
  });

  test('more than the bound is refused before it is allocated', () => {
    const zeros = Buffer.alloc(MAX + 1);
    const bombs: Readonly<Record<string, Buffer>> = {
      gzip: gzipSync(zeros),
      snappy: xerial(zeros, MAX + 1),
      lz4: lz4.compressFrameSync(zeros),
      zstd: Buffer.concat(
        Array.from({ length: 200 }, () => zstdFrame('repeated', Buffer.from([0]), 128 * 1024)),
      ),
    };
    for (const [name, bytes] of Object.entries(bombs))
      assert.throws(() => codec(name).unpack(bytes, MAX), /16777216 bytes/, name);
    // A snappy block that lies about its size, in either framing.
    const liar = Buffer.from('ffffffff0f00', 'hex');
    assert.throws(() => codec('snappy').unpack(liar, MAX), /16777216 bytes/);
  });

  test('data cut off anywhere is an error, or what no reader can tell from the whole', () => {
    for (const [name, bytes] of Object.entries(packed))
      for (let i = 0; i < 200; i++) {
        const cut = bytes.subarray(0, Math.floor((bytes.length * i) / 200));
        assert.ok(isErrorOrShorter(name, cut), `${name}, ${cut.length} of ${bytes.length} bytes`);
      }
  });

  test('random bytes and flipped bits end in an error or in bytes, within the bound', () => {
    const small = text.subarray(0, 3000);
    const whole: Readonly<Record<string, Buffer>> = {
      gzip: gzipSync(small),
      snappy: xerial(small, 1000),
      lz4: lz4.compressFrameSync(small),
      zstd: zstdFrame('stored', small),
    };
    const names = Object.keys(whole);
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 6 }),
        (name, flips) => {
          const bytes = Buffer.from(whole[name] ?? []);
          for (const [at, bits] of flips) {
            const i = at % bytes.length;
            bytes[i] = (bytes[i] ?? 0) ^ bits;
          }
          endsWell(name, bytes);
        },
      ),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 300 }), (name, random) => {
        endsWell(name, Buffer.from(random));
        endsWell(name, Buffer.concat([(whole[name] ?? Buffer.alloc(0)).subarray(0, 18), random]));
      }),
      { numRuns: 3000 },
    );
    for (const name of names)
      assert.ok(
        codec(name)
          .unpack(whole[name] ?? Buffer.alloc(0), MAX)
          .equals(small),
        name,
      );
  });

  test('the format of another codec is an error', () => {
    for (const name of ['gzip', 'lz4', 'zstd'])
      for (const other of [text, ...Object.entries(packed).flatMap(([n, b]) => (n === name ? [] : [b]))])
        assert.throws(() => codec(name).unpack(other, MAX), name);
  });
});

function endsWell(name: string, bytes: Buffer): void {
  let unpacked: Buffer;
  try {
    unpacked = codec(name).unpack(bytes, MAX);
  } catch (e) {
    assert.ok(e instanceof Error);
    return;
  }
  assert.ok(unpacked.length <= MAX);
}

function isErrorOrShorter(name: string, bytes: Buffer): boolean {
  try {
    return codec(name).unpack(bytes, MAX).length < text.length;
  } catch (e) {
    return e instanceof Error;
  }
}
