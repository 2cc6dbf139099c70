import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../../clients/kafka/crc32c.js';
import { walkRecordSet } from '../../../clients/kafka/recordBatch.js';
import { UnreadableBatch } from '../../../domain/errors.js';

const zigzag = (n: number): Buffer => {
  const bytes: number[] = [];
  for (let rest = n >= 0 ? n * 2 : -n * 2 - 1; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes.push(rest);
      return Buffer.from(bytes);
    }
    bytes.push((rest % 128) | 128);
  }
};

/** A record batch as a broker would store it; `deltas` are the offsets of its records, less `base`. */
function batch(base: bigint, deltas: readonly number[], lastDelta: number, attributes = 0): Buffer {
  const records = deltas.map((delta) => {
    const value = Buffer.from(`value ${delta}`);
    const body = Buffer.concat([
      Buffer.from([0]),
      zigzag(delta * 1000),
      zigzag(delta),
      zigzag(-1),
      zigzag(value.length),
      value,
      zigzag(0),
    ]);
    return Buffer.concat([zigzag(body.length), body]);
  });
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(base, 0);
  header.writeInt8(2, 16);
  header.writeInt16BE(attributes, 21);
  header.writeInt32BE(lastDelta, 23);
  header.writeBigInt64BE(1_700_000_000_000n, 27);
  header.writeBigInt64BE(1_800_000_000_000n, 35);
  header.writeInt32BE(records.length, 57);
  const whole = Buffer.concat([header, ...records]);
  whole.writeInt32BE(whole.length - 12, 8);
  return signed(whole);
}

/** The batch with the checksum that its content asks for. */
function signed(whole: Buffer): Buffer {
  whole.writeUInt32BE(crc32c(whole.subarray(21)), 17);
  return whole;
}

describe('the walk over a record set', () => {
  test('CRC-32C of "123456789" is e3069283, whole or in parts', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
    assert.equal(crc32c(Buffer.from('456789'), crc32c(Buffer.from('123'))), 0xe3069283);
  });

  test('gaps that compaction leaves are passed by the header, not by counting', () => {
    const items = [...walkRecordSet(Buffer.concat([batch(10n, [0, 4], 9), batch(20n, [], 3)]), 0, 12n, [])];
    assert.deepEqual(
      items.map((i) => ('next' in i ? ['next', i.next] : [i.offset, i.timestampMs])),
      [
        [14n, 1_700_000_004_000],
        ['next', 20n],
        ['next', 24n],
      ],
    );
  });

  test('log-append time wins over the records’ own', () => {
    const [first] = walkRecordSet(batch(0n, [0, 1], 1, 8), 0, 0n, []);
    assert.ok(first !== undefined && 'offset' in first && first.timestampMs === 1_800_000_000_000);
  });

  test('a batch cut off at the end is left for the next fetch', () => {
    const set = Buffer.concat([batch(0n, [0], 0), batch(1n, [0], 0).subarray(0, 70)]);
    assert.equal([...walkRecordSet(set, 0, 0n, [])].length, 2);
  });

  test('an unknown codec is named, as are data that their codec cannot unpack', () => {
    for (const [attributes, said] of [
      [5, /partition 3, record batch at offset 70: compressed with codec 5; expected one of .*4 \(zstd\)/],
      [1, /partition 3, record batch at offset 70: its gzip data cannot be unpacked/],
      [2, /its snappy data/],
      [3, /its lz4 data/],
      [4, /its zstd data/],
    ] as const)
      assert.throws(
        () => [...walkRecordSet(batch(70n, [0], 0, attributes), 3, 0n, [])],
        (e) => e instanceof UnreadableBatch && said.test(e.message),
      );
  });

  test('a flipped bit, an old format, a count or an end that cannot be are refused', () => {
    const flipped = batch(0n, [0], 0);
    flipped[65] = (flipped[65] ?? 0) ^ 1;
    assert.throws(() => [...walkRecordSet(flipped, 0, 0n, [])], /checksum/);
    const old = batch(0n, [0], 0);
    old.writeInt8(1, 16);
    assert.throws(() => [...walkRecordSet(old, 0, 0n, [])], /record format 1/);
    const fewer = batch(0n, [0, 1], 1);
    fewer.writeInt32BE(1, 57);
    assert.throws(() => [...walkRecordSet(signed(fewer), 0, 0n, [])], /more follows the 1 records/);
    assert.throws(() => [...walkRecordSet(batch(0n, [0], -2), 0, 0n, [])], /ends before it begins/);
    const negative = batch(0n, [0], 0);
    negative.writeInt32BE(-40, 8);
    assert.throws(() => [...walkRecordSet(negative, 0, 0n, [])], UnreadableBatch);
  });

  test('whatever bytes stand in a set, the walk ends, in UnreadableBatch or in records of their own batch', () => {
    const whole = Buffer.concat([batch(0n, [0, 1, 5], 6), batch(7n, [0], 0), batch(8n, [0, 1], 1)]);
    const endsWell = (set: Buffer): void => {
      try {
        for (const item of walkRecordSet(set, 0, 0n, []))
          if ('offset' in item) assert.ok((item.value?.length ?? 0) <= set.length);
      } catch (e) {
        assert.ok(e instanceof UnreadableBatch, String(e));
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => endsWell(Buffer.from(bytes))),
      { numRuns: 2000 },
    );
    const flip = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 4 }), fc.nat(whole.length), (flips, cut) => {
        const bytes = Buffer.from(whole);
        for (const [at, bits] of flips) bytes[at] = (bytes[at] ?? 0) ^ bits;
        endsWell(bytes.subarray(0, cut));
        // Past the checksum as well: a damaged batch that was signed all the same.
        const one = batch(0n, [0, 1, 5], 6);
        for (const [at, bits] of flips)
          if (at % one.length > 20) one[at % one.length] = (one[at % one.length] ?? 0) ^ bits;
        endsWell(signed(one));
      }),
      { numRuns: 5000 },
    );
  });
});
