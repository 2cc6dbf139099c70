import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { cli, ROOT } from '../support/cli.js';
import { until, withInstallation } from '../support/installation.js';

/** Nobody listens there. */
const NOWHERE = '127.0.0.1:1';
const EVERYTHING_DOWN = {
  KAFKA_BROKERS: NOWHERE,
  DATABASE_URL: `postgres://nobody@${NOWHERE}/nothing`,
  SPARK_REMOTE: `sc://${NOWHERE}`,
  ELASTICSEARCH_URL: `http://${NOWHERE}`,
  TEMPORAL_ADDRESS: NOWHERE,
};

describe('a server that is down is named, and the exit code is 3', () => {
  const cases = [
    { verb: ['status'], env: { KAFKA_BROKERS: NOWHERE }, names: /Kafka/ },
    { verb: ['status'], env: { ELASTICSEARCH_URL: `http://${NOWHERE}` }, names: /Elasticsearch/ },
    { verb: ['migrate'], env: { DATABASE_URL: EVERYTHING_DOWN.DATABASE_URL }, names: /PostgreSQL/ },
    { verb: ['pipeline'], env: { TEMPORAL_ADDRESS: NOWHERE }, names: /Temporal/ },
    { verb: ['worker'], env: { DATABASE_URL: EVERYTHING_DOWN.DATABASE_URL }, names: /PostgreSQL/ },
    { verb: ['metrics'], env: { ELASTICSEARCH_URL: `http://${NOWHERE}` }, names: /Elasticsearch/ },
  ];
  test('by each verb that needs it', async () => {
    await withInstallation('down', async (installation) => {
      for (const { verb, env, names } of cases) {
        const { code, stdout, stderr } = await installation.run(verb, env);
        assert.equal(code, 3, `${verb.join(' ')}: ${stdout}${stderr}`);
        assert.match(stdout + stderr, names);
        assert.match(stdout + stderr, /127\.0\.0\.1:1\b/, `${verb.join(' ')} says which address`);
      }
    });
  });
});

test('a wrong setting is named with file, line, what was expected and what was got, before anything connects', async () => {
  const yaml = readFileSync(path.join(ROOT, 'clickstream.yaml'), 'utf8');
  const line = yaml.split('\n').findIndex((text) => text.includes('session_timeout:')) + 1;
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'wrong-')), 'wrong.yaml');
  writeFileSync(file, yaml.replace('session_timeout: 30m', 'session_timeout: long'));
  for (const verb of [['config', 'check'], ['migrate'], ['worker'], ['pipeline'], ['status'], ['verify']]) {
    const { code, stderr } = await cli(['--config', file, ...verb], { env: EVERYTHING_DOWN });
    assert.equal(code, 2, `${verb.join(' ')}: ${stderr}`);
    const said = new RegExp(`wrong\\.yaml:${line}: analyze\\.session_timeout: expected .*, got \\\\?"long`);
    assert.match(stderr, said, verb.join(' '));
    assert.equal(stderr.includes('config check'), verb[0] !== 'config' && verb[0] !== 'worker', stderr);
  }
});

test('a configuration that cannot be read is named, with why', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'unreadable-'));
  const file = path.join(folder, 'a.yaml');
  writeFileSync(file, 'version: 1\n');
  const cases: [file: string, why: string][] = [
    [folder, 'a folder'],
    [path.join(folder, 'none.yaml'), 'no such file'],
    [path.join(file, 'b.yaml'), 'no such file'],
  ];
  for (const [given, why] of cases) {
    const { code, stderr } = await cli(['--config', given, 'status']);
    assert.equal(code, 2);
    assert.ok(stderr.includes(`clickstream: ${given}: expected a readable file, got ${why}\n`), stderr);
  }
});

test('a worker that is told to end before it is ready ends, whatever it waits for', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const nobody = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const child = spawn(process.execPath, [path.join(ROOT, 'dist/workers/main.js')], {
    stdio: 'ignore',
    env: {
      ...process.env,
      KAFKA_BROKERS: nobody,
      DATABASE_URL: `postgres://nobody@${nobody}/nothing`,
      SPARK_REMOTE: `sc://${nobody}`,
      ELASTICSEARCH_URL: `http://${nobody}`,
      TEMPORAL_ADDRESS: nobody,
    },
  });
  const exited = once(child, 'exit');
  await Promise.race([once(silent, 'connection'), exited]);
  child.kill('SIGTERM');
  const [code] = (await exited) as [number | null];
  silent.close();
  assert.equal(code, 0);
});

test('Ctrl-C ends the waiting with 130 and no stack trace; that nobody polls was said; the run goes on', async () => {
  await withInstallation('interrupt', async (installation) => {
    const child = spawn(
      process.execPath,
      [path.join(ROOT, 'cli/clickstream.mjs'), '--config', installation.config, 'pipeline'],
      { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    await until('it to say that nobody polls', 30_000, () => /nobody polls/.test(stderr));
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    assert.equal(code, 130, stderr);
    assert.doesNotMatch(stderr, /\n\s+at /);

    await installation.worker();
    await until('the run to go on', 60_000, async () => {
      const { stdout } = await installation.run([
        'temporal',
        'workflow',
        'list',
        '--query',
        `WorkflowId='${installation.name}-pipeline'`,
      ]);
      return /Completed/.test(stdout);
    });
  });
});

test('help of a verb that does not exist names it, and does not drown it in the whole help', async () => {
  const { code, stdout, stderr } = await cli(['help', 'nosuch']);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^clickstream: help: there is no verb "nosuch"/);
  const known = await cli(['help', 'dead-letters', 'list']);
  assert.equal(known.code, 0);
  assert.match(known.stdout, /^Usage: clickstream dead-letters list/);
});
