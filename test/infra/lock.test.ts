import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLock } from '../../infra/lock.mjs';
import { isSameProcess, startTime } from '../../infra/processId.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'clickstream-lock-'));
after(() => rmSync(folder, { recursive: true }));

test('a process is itself only together with its start time', async () => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 10000)']);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const started = startTime(pid);
  assert.ok(started);
  assert.equal(isSameProcess(pid, started), true);
  assert.equal(isSameProcess(pid, `${started}1`), false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(isSameProcess(pid, started), false);
});

test('what needs the lock runs one after the other, and the lock is gone afterwards', async () => {
  const file = path.join(folder, 'one');
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(20);
    inside -= 1;
  };
  await Promise.all([withLock(file, work), withLock(file, work), withLock(file, work)]);
  assert.equal(most, 1);
  assert.equal(existsSync(file), false);
});

test('the lock of a process that died is taken over', async () => {
  const file = path.join(folder, 'dead');
  writeFileSync(file, JSON.stringify({ pid: process.pid, started: 'before this process' }));
  assert.equal(await withLock(file, () => 'done'), 'done');
});

test('work that fails gives the lock back', async () => {
  const file = path.join(folder, 'failing');
  await assert.rejects(
    withLock(file, () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(existsSync(file), false);
});
