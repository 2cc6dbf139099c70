import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
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
  }
});

/** Lines that cannot become clicks, each with the reason that it must be given. */
const POISON: readonly (readonly [string, string])[] = [
  ['not json', 'not_json'],
  ['[1]', 'not_an_object'],
  ['{"event_id":"no-url","t":1700000000000}', 'missing_required'],
  ['{"event_id":"type","t":1700000000000,"url":"/a","status":"many"}', 'wrong_type'],
  ['{"event_id":"nul","t":1700000000000,"url":"/a\\u0000b"}', 'nul_byte'],
  ['{"event_id":"lone","t":1700000000000,"url":"/\\ud800"}', 'lone_surrogate'],
  ['{"event_id":"1970","t":1,"url":"/a"}', 'impossible_time'],
  ['{"event_id":"2999","t":32472144000000,"url":"/a"}', 'impossible_time'],
];

test('poison ends in the dead letters with its reason; its neighbours and a 100 KB URL are accepted whole', async () => {
  await withInstallation('poison', async (installation) => {
    const long = `/${'x'.repeat(100_000)}`;
    const good = (id: number, url: string): string =>
      JSON.stringify({
        event_id: `good-${id}`,
        t: 1_700_000_000_000,
        url,
        ['__proto__']: { polluted: true },
      });
    const lines = [good(0, long), ...POISON.flatMap(([line], i) => [line, good(i + 1, `/page/${i}`)])];
    const sent = await installation.run(['produce', '-'], {}, `${lines.join('\n')}\n`);
    assert.equal(sent.code, 0, sent.stderr);
    await installation.worker();
    const { code, stderr } = await installation.run(['pipeline']);
    assert.equal(code, 0, stderr);

    const status = await installation.status();
    assert.deepEqual(
      [status.records, status.persisted, status.dead_letters, status.documents_clicks],
      [lines.length, POISON.length + 1, POISON.length, POISON.length + 1],
    );
    const listed = await installation.run(['dead-letters', 'list']);
    for (const [, reason] of POISON) assert.match(listed.stdout, new RegExp(reason));
    const found = await installation.run(['metrics', '--csv']);
    assert.ok(found.stdout.includes(long), 'the URL is there letter by letter');
    const verified = await installation.run(['verify', '--drained']);
    assert.equal(verified.code, 0, verified.stdout);
  });
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
    const args = [
      'workflow',
      'execute',
      '--type',
      'backfill',
      '--task-queue',
      installation.name,
      '--input',
      '{}',
    ];
    const later = await installation.run(['temporal', ...args]);
    assert.match(later.stdout + later.stderr, /backfill comes in a later version/);
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
