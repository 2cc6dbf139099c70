import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ConfigurationError } from '../../domain/errors.js';
import type { Java } from '../../infra/java.js';
import { sparkConnect } from '../../infra/spark.js';
import { sparkKind } from '../../infra/sparkCluster.js';
import { cli } from '../support/cli.js';

const wrong: [what: string, args: string[], env: Record<string, string>, message: RegExp][] = [
  ['a kind that does not exist', ['--spark', 'yarn'], {}, /--spark: expected local or cluster, got yarn/],
  [
    'a cluster, but no Spark at all',
    ['--spark', 'cluster', '--only', 'kafka'],
    {},
    /--spark cluster: expected spark among --only/,
  ],
  [
    "a cluster beside somebody's own Spark",
    ['--spark', 'cluster', '--only', 'spark'],
    { SPARK_REMOTE: 'sc://spark.example:15002/;token=hunter2' },
    /SPARK_REMOTE names a Spark of your own/,
  ],
];
for (const [what, args, env, message] of wrong) {
  test(`up refuses ${what}, and starts nothing`, async () => {
    const { code, stdout, stderr } = await cli(['up', ...args], { env: { SPARK_REMOTE: '', ...env } });
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.ok(!stderr.includes('hunter2'));
    assert.equal(stdout, '');
  });
}

test('Spark stays what it was brought up as, even where a part of it has died', () => {
  const one = { pid: 1, started: 'then', ports: { main: 1 }, log: 'log' };
  const kind = (processes: Parameters<typeof sparkKind>[0]['processes']) =>
    sparkKind({ processes, lastPorts: {} });
  assert.equal(kind({}), undefined);
  assert.equal(kind({ kafka: one }), undefined);
  assert.equal(kind({ spark: one }), 'local');
  assert.equal(kind({ spark: one, 'spark-master': one }), 'cluster');
  assert.equal(kind({ 'spark-master': one }), 'cluster');
});

test('Spark has the heap of SPARK_DRIVER_MEMORY, 1 GB without it; what Java would not take is refused by name', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'heap-'));
  const java = { file: 'java', home: '/java' } as Java;
  const heap = async (memory?: string): Promise<string[]> => {
    const place = {
      cacheDir: dir,
      dir,
      env: { SPARK_DRIVER_MEMORY: memory },
      signal: new AbortController().signal,
    };
    const { args } = await sparkConnect().configure(place, { java, jars: '/jars' }, { main: 1 });
    return [args[0] ?? '', args[args.indexOf('--driver-memory') + 1] ?? ''];
  };
  try {
    assert.deepEqual(await heap(), ['-Xmx1g', '1g']);
    assert.deepEqual(await heap('1500m'), ['-Xmx1500m', '1500m']);
    await assert.rejects(
      async () => heap('2 GB'),
      (e) => e instanceof ConfigurationError && /SPARK_DRIVER_MEMORY: .*2g, got "2 GB"/.test(e.message),
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});
