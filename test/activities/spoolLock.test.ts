import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { holdSpool } from '../../activities/spoolLock.js';
import { SpoolUnavailable } from '../../domain/errors.js';

test('a spool where no folder can be made is refused, and named, instead of being tried for ever', async () => {
  await assert.rejects(holdSpool('/proc/nowhere/spool'), (error: Error) => {
    assert.ok(error instanceof SpoolUnavailable, error.message);
    assert.match(
      error.message,
      /\/proc\/nowhere cannot be made: \/proc takes no folders.*ingest\.spool\.dir/,
    );
    return true;
  });
});

test('a spool is made with the folders above it, for its owner alone', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'spool-'));
  try {
    const held = await holdSpool(path.join(root, 'a/b/c'));
    assert.equal(statSync(held.folder).mode & 0o777, 0o700);
    assert.equal(statSync(path.join(root, 'a')).mode & 0o777, 0o700);
    await held.release();
  } finally {
    rmSync(root, { recursive: true });
  }
});
