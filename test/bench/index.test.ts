import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from '../support/cli.js';

test('bench index fails unless both indices hold everything, and prints one object of finite ratios', async () => {
  const args = ['bench', 'index', '--documents', '10000', '--rounds', '1', '--json'];
  const { code, stdout, stderr } = await cli(args, { env: { CLICKSTREAM_BENCH_SERVERS: 'environment' } });
  assert.equal(code, 0, stderr);
  const summary = JSON.parse(stdout) as Record<string, number>;
  for (const key of ['docs_per_s', 'raw_docs_per_s', 'ratio_bulk', 'bytes'])
    assert.ok((summary[key] ?? 0) > 0, `${key} in ${stdout}`);
  assert.equal(summary['documents'], 10_000);
  for (const key of ['worker_us', 'worker_rss_mb']) assert.ok(key in summary, key);
});
