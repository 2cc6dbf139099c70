import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { lanesOf, WAITING } from '../../../cli/testing/lanes.js';
import { ROOT } from '../../support/cli.js';

const built = (name: string): string => path.join('dist', 'test', ...`${name}.test.js`.split('/'));

test('each test file that is said to wait is there', () => {
  const missing = [...WAITING].filter((name) => !existsSync(path.join(ROOT, 'test', `${name}.test.ts`)));
  assert.deepEqual(missing, []);
});

test('each test file runs in one lane, once; those that wait one at a time', () => {
  const files = ['activities/spool', 'e2e/zombie', 'workflows/backfill', 'e2e/killed'].map(built);
  assert.deepEqual(lanesOf(files), [
    { files: [built('activities/spool'), built('e2e/killed')], concurrency: 2 },
    { files: [built('e2e/zombie'), built('workflows/backfill')], concurrency: 1 },
  ]);
  assert.deepEqual(lanesOf([built('e2e/outage')]), [{ files: [built('e2e/outage')], concurrency: 1 }]);
});
