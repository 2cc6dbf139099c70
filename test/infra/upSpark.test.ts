import assert from 'node:assert/strict';
import { test } from 'node:test';
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
