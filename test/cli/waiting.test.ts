import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { until, withInstallation } from '../support/installation.js';

test('a command that has waited long for a worker ends as its run does', () =>
  withInstallation('waiting', async (installation) => {
    let said = '';
    const run = cli(['--config', installation.config, 'pipeline'], { onStderr: (stderr) => (said = stderr) });
    await until('it to say that nobody is there', 30_000, () => said.includes('nobody polls the task queue'));
    await installation.worker();
    const { code, stderr } = await run;
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /Channel/);
  }));
