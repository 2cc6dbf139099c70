import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClickKeys } from '../../activities/clickKeys.js';
import { COPY_HEADER, COPY_TRAILER, CopyEncoder, timeInHalves } from '../../clients/postgres/copyBinary.js';
import { Random } from '../../domain/generator/random.js';

test('ids and times are read whole, wherever a chunk ends', async () => {
  const random = new Random(7);
  const encoder = new CopyEncoder(['bigint', 'uuid', 'timestamptz', 'text']);
  const ends: number[] = [];
  const rows = Array.from({ length: 200 }, (_, n) => {
    const eventId = Uint8Array.from({ length: 16 }, () => random.below(256));
    const timeUs = (n % 3 === 0 ? -1 : 1) * random.below(2 ** 31) * 1_000_003;
    encoder.rowWithKeys({ high: 1, low: n, eventId, ...timeInHalves(timeUs) }, [
      'x'.repeat(random.below(90)),
    ]);
    ends.push(encoder.length);
    return { eventId, timeUs };
  });
  const file = Buffer.from(encoder.take());
  for (const longest of [1, 7, 46, 300, file.length]) {
    const reader = {
      batch: { rows: rows.length } as Parameters<typeof readClickKeys>[0]['batch'],
      endOf: (_: string, row: number) => ends[row] ?? 0,
      // As of the spool: the memory of a chunk is used again.
      async *rows() {
        yield COPY_HEADER;
        const memory = Buffer.alloc(longest);
        for (let at = 0; at < file.length;) {
          const length = Math.min(file.length - at, 1 + random.below(longest));
          file.copy(memory, 0, at, at + length);
          yield await Promise.resolve(memory.subarray(0, length));
          memory.fill(0);
          at += length;
        }
        yield COPY_TRAILER;
      },
    };
    const { ids, timesUs } = await readClickKeys(reader);
    for (const [n, { eventId, timeUs }] of rows.entries()) {
      assert.deepEqual(ids.subarray(n * 16, n * 16 + 16), eventId);
      assert.equal(timesUs[n], timeUs);
    }
  }
});
