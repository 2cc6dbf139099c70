import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { until } from './installation.js';
import { isThere } from './sparkCluster.js';

const module = new URL('ending.js', import.meta.url).href;
/** As a server is started: the leader of a group of its own, which nobody ends with its parent. */
const script = `
  import { spawn } from 'node:child_process';
  import { killGroup, whenEnded } from ${JSON.stringify(module)};
  const server = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  whenEnded(() => killGroup(server.pid));
  console.log(server.pid);
  setInterval(() => undefined, 1000);
`;

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal} to a test process ends what it has started, and the process as it would without`, async () => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    const server = Number(said.toString());
    assert.ok(isThere(server));
    child.kill(signal);
    const [, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    assert.equal(by, signal);
    await until('the end of the server', 10_000, () => !isThere(server));
  });
