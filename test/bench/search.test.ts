import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from '../support/cli.js';

test('bench search asks every query of the page, opens it in a browser, and prints one object', async () => {
  const args = ['bench', 'search', '--documents', '10000', '--rounds', '1', '--json'];
  const { code, stdout, stderr } = await cli(args, { env: { CLICKSTREAM_BENCH_SERVERS: 'environment' } });
  assert.equal(code, 0, stderr);
  const summary = JSON.parse(stdout) as Record<string, number> & {
    readonly queries: readonly { readonly name: string; readonly p50_ms: number; readonly p95_ms: number }[];
  };
  for (const { name, p50_ms, p95_ms } of summary.queries) assert.ok(p50_ms > 0 && p95_ms >= p50_ms, name);
  assert.ok(summary.queries.length > 10, stdout);
  for (const key of ['documents', 'csv_rows_per_s', 'first_totals_ms', 'first_all_ms', 'page_bytes'])
    assert.ok((summary[key] ?? 0) > 0, `${key} in ${stdout}`);
});
