import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { clock, roughly } from '../../infra/progressView.js';
import { pinned } from '../../infra/maven.js';
import { projectRoot } from '../../infra/root.js';

test("the build takes Spark's protocol from the version that is started", () => {
  const build = readFileSync(path.join(projectRoot, 'infra/build.mjs'), 'utf8');
  assert.match(build, new RegExp(`version: '${pinned('spark')}'`));
});

test('every server that Maven brings has a checksum', () => {
  const checksums = readFileSync(path.join(projectRoot, 'infra/maven/checksums/checksums.sha256'), 'utf8');
  for (const file of [
    `kafka_2.13-${pinned('kafka')}.jar`,
    `spark-connect_2.13-${pinned('spark')}.jar`,
    `elasticsearch-${pinned('elasticsearch')}.zip`,
  ]) {
    assert.match(checksums, new RegExp(`^[0-9a-f]{64}  \\S+/${file.replaceAll('.', '\\.')}$`, 'm'));
  }
});

test('times are told as people tell them', () => {
  assert.deepEqual([7_000, 754_000].map(clock), ['0:07', '12:34']);
  assert.deepEqual([1, 34, 200].map(roughly), ['10 s', '40 s', '3 min']);
});
