import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { ROOT } from '../support/cli.js';

/** What a worker's log holds after these statements, in which `sdk` is the SDK's side of it. */
const logged = (statements: string): string[] =>
  spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { createLogger, temporalLogger } from './dist/workers/log.js';
       const logger = createLogger({}, false), sdk = temporalLogger(logger);
       ${statements}`,
    ],
    { cwd: ROOT, encoding: 'utf8' },
  )
    .stderr.split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

test('what workers of one process do not poll, and their changes of state, fill no log', () => {
  const said = logged(`
    sdk.log('WARN', 'No workflows registered, not polling for workflow tasks', {});
    sdk.info('Worker state changed', {});
    sdk.log('INFO', 'Worker state changed', {});
    sdk.log('WARN', 'Activity failed', {});
    sdk.warn('Workflow failed', {});`);
  assert.deepEqual(said, ['Activity failed', 'Workflow failed']);
});
