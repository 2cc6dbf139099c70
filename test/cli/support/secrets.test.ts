import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { describeFailure } from '../../../cli/support/failure.js';
import { uiLink } from '../../../clients/temporal/links.js';
import { parseServers } from '../../../domain/config/servers.js';
import { ServerUnavailable } from '../../../domain/errors.js';
import { failureOf } from '../../../web/server/failure.js';
import { ROOT } from '../../support/cli.js';

const SAID = 'cannot reach jdbc:postgresql://me:S3CRET@host/db?password=S3CRET: no route';
const SHOWN = 'cannot reach jdbc:postgresql://me:(hidden)@host/db?password=(hidden)';

test('an error that quotes an address is told without its password, by commands, the page and the worker’s log', () => {
  const error = new ServerUnavailable('PostgreSQL', SAID);
  const log = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { createLogger } from './dist/workers/log.js';
       createLogger({}, false).error({ err: new Error(process.argv[1]) }, process.argv[1]);`,
      SAID,
    ],
    { cwd: path.resolve(ROOT), encoding: 'utf8' },
  );
  for (const told of [describeFailure(error).message ?? '', failureOf(error).error.message, log.stderr]) {
    assert.ok(told.includes(SHOWN), told);
    assert.ok(!told.includes('S3CRET'), told);
  }
  const line = JSON.parse(log.stderr) as { msg: string };
  assert.ok(line.msg.startsWith(SHOWN), 'still a line of JSON');
});

test('a link to Temporal’s web UI has no password', () => {
  const servers = parseServers({
    TEMPORAL_ADDRESS: 't',
    TEMPORAL_UI_URL: 'https://me:S3CRET@ui.example/base/',
  });
  const link = uiLink(servers, 'default', { workflowId: 'w', runId: 'r' });
  assert.equal(link, 'https://ui.example/base/namespaces/default/workflows/w/r/history');
});
