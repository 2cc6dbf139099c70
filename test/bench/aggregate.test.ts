import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Tally } from '../../bench/aggregate/tally.js';
import { tallyCopy } from '../../bench/aggregate/tally.js';
import { cli } from '../support/cli.js';

const HEADER = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const TRAILER = Buffer.from([0xff, 0xff]);
const field = (value: bigint | string): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.alloc(8);
  if (typeof value === 'bigint') bytes.writeBigInt64BE(value);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const row = (...values: (bigint | string)[]): Buffer =>
  Buffer.concat([Buffer.from([0, values.length]), ...values.map(field)]);
const group = (url: string, clicks = 2n, users = 1n): Buffer =>
  row(3_600_000_000n, url, 'DE', clicks, users, 1n, 1500n);

/** The bytes in pieces of `size`. */
async function* pieces(size: number, ...rows: Buffer[]): AsyncGenerator<Buffer> {
  const all = Buffer.concat([HEADER, ...rows, TRAILER]);
  for (let at = 0; at < all.length; at += size) yield await Promise.resolve(all.subarray(at, at + size));
}
const tally = (...rows: Buffer[]): Promise<Tally> => tallyCopy(pieces(1000, ...rows));

describe('what a contestant brought', () => {
  test('is the same in any order and however the bytes were cut', async () => {
    const one = await tally(group('/a'), group('/b', 3n));
    assert.deepEqual([one.groups, one.clicks], [2, 5]);
    for (const size of [1, 7, 64]) {
      const other = await tallyCopy(pieces(size, group('/b', 3n), group('/a')));
      assert.deepEqual([other.groups, other.clicks, other.checksum], [2, 5, one.checksum]);
    }
  });

  test('differs by a single figure, by a URL, and by two figures that change places', async () => {
    const { checksum } = await tally(group('/a'), group('/b'));
    assert.notEqual((await tally(group('/a'), group('/b', 2n, 2n))).checksum, checksum);
    assert.notEqual((await tally(group('/a'), group('/c'))).checksum, checksum);
    assert.notEqual((await tally(group('/a', 1n, 2n), group('/b'))).checksum, checksum);
  });

  test('is refused when a row is cut short', async () => {
    await assert.rejects(tallyCopy(pieces(1000, group('/a').subarray(0, 20))), /half a row/);
  });
});

test('bench aggregate fails unless all contestants agree, and prints one object of finite ratios', async () => {
  const args = ['bench', 'aggregate', '--clicks', '10000', '--rounds', '1', '--warm-up', '1', '--json'];
  const { code, stdout, stderr } = await cli(args, { env: { CLICKSTREAM_BENCH_SERVERS: 'environment' } });
  assert.equal(code, 0, stderr);
  const summary = JSON.parse(stdout) as Record<string, number>;
  for (const key of ['full_s', 'textbook_ratio', 'postgres_ratio', 'one_hour_ratio', 'history_ratio'])
    assert.ok((summary[key] ?? 0) > 0, `${key} in ${stdout}`);
  assert.equal(summary['clicks'], 10_000);
  assert.ok((summary['groups'] ?? 0) > 1000, stdout);
  assert.match(String(summary['checksum']), /^[0-9a-f]{16}$/);
  for (const key of ['spark_rss_mb', 'worker_rss_mb']) assert.ok(key in summary, key);
});
