import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { ensureIndices, refresh } from '../../clients/elasticsearch/index.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';
import { hexId, sendChanges } from '../support/changes.js';
import { cli, ROOT, type CliResult } from '../support/cli.js';
import { startProxy } from '../support/tcpProxy.js';

const NAME = 'metrics_verb_test';
/** Far more than pipes and buffers between the two processes hold. */
const MANY = 30_000;

const CONFIG = `
version: 1
name: ${NAME}
kafka: { topics: [${NAME}-clicks] }
event: { time: { from: [t], formats: [iso] } }
families: { click_data: { url: { type: text, from: [url], required: true } } }
roles: { url: click_data.url }
`;

describe('metrics', () => {
  let t: TestInstallation;
  let config: string;
  const folder = mkdtempSync(path.join(tmpdir(), 'metrics-'));
  const metrics = (...args: string[]): Promise<CliResult> => cli(['--config', config, 'metrics', ...args]);

  before(async () => {
    t = await testInstallation(NAME);
    config = path.join(folder, 'metrics.yaml');
    writeFileSync(config, CONFIG);
    const targets = await ensureIndices(t.elasticsearch, NAME);
    const total = targets.find(({ grain }) => grain === 'total')?.index ?? '';
    const changes = Array.from({ length: MANY }, (_, i) => ({
      id: hexId(`f${i}`),
      version: '1',
      document: {
        grain: 'total' as const,
        windowStart: null,
        url: i === 7 ? '=cmd()\u001b[31m,"x"' : `/shop/page-${i}`,
        country: i % 2 === 0 ? 'DE' : 'FR',
        clickCount: String(i),
        botClicks: '0',
        uniqueUsers: '1',
        uniqueUsersExact: true,
        timedClicks: '1',
        totalTimeSpentMs: i === 7 ? '9007199254740993' : '5',
        avgTimeSpentMs: 5,
        medianTimeSpentMs: null,
        p90TimeSpentMs: null,
        version: '1',
      },
    }));
    await sendChanges(t.elasticsearch, { index: total }, changes, { patienceMs: 60_000 });
    await refresh(t.elasticsearch, [total]);
  });
  after(async () => {
    await t.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('as CSV and NDJSON there is everything, once, digit by digit', async () => {
    const csv = await metrics('--csv', '--sort', 'url');
    assert.equal(csv.code, 0, csv.stderr);
    const lines = csv.stdout.trimEnd().split('\n');
    assert.equal(lines.length, MANY + 1);
    assert.equal(new Set(lines).size, MANY + 1);
    assert.ok(lines.includes('total,,"=cmd()\u001b[31m,""x""",FR,7,1,1,9007199254740993,5.000'));
    const json = await metrics('--json', '--url', '=cmd*');
    assert.match(json.stdout, /"total_time_spent_ms":9007199254740993,.*\n$/);
  });

  test('what is sorted and bounded is so over all pages, as lines and as a table', async () => {
    const some = MANY / 2 + 1_234;
    const csv = await metrics('--csv', '--limit', String(some));
    const counts = csv.stdout
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => Number(/,(?:DE|FR),(\d+),/.exec(line)?.[1]));
    assert.deepEqual(
      counts,
      Array.from({ length: some }, (_, i) => MANY - 1 - i),
    );
    const table = await metrics('--limit', '2500', '--sort', 'click_count', '--order', 'asc');
    const lines = table.stdout.trimEnd().split('\n').slice(1);
    assert.deepEqual(
      lines.map((line) => Number(line.replaceAll(',', '').split(/\s{2,}/)[2])),
      Array.from({ length: 2_500 }, (_, i) => i),
    );
  });

  test('words, a country in small letters and the order choose and sort', async () => {
    const { stdout, stderr } = await metrics(
      '--search',
      'shop PAGE 1',
      '--country',
      'de',
      '--order',
      'asc',
      '--limit',
      '3',
    );
    assert.equal(stderr, '');
    assert.deepEqual(
      stdout.split('\n').map((line) => line.split(/\s+/).slice(0, 3).join(' ')),
      ['URL country clicks', '/shop/page-10 DE 10', '/shop/page-12 DE 12', '/shop/page-14 DE 14', ''],
    );
    const table = await metrics('--url', '=cmd*');
    assert.match(table.stdout, /=cmd\(\)\\u\{1b\}\[31m/);
  });

  test('what is wrong is named with the choices, before any connection', async () => {
    const down = { ELASTICSEARCH_URL: 'http://127.0.0.1:1' };
    for (const [args, message] of [
      [['--country', ''], /--country: expected a country as the figures have it, or ZZ, got nothing/],
      [['--url', ''], /--url: expected a URL, got nothing/],
      [['--grain', 'week'], /--grain: expected one of hour, day, month, total, got 'week'/],
      [
        ['--grain', 'day', '--from', '2026-02-01', '--to', '2026-01-01'],
        /--to: expected a time after --from/,
      ],
      [['--csv', '--json'], /--csv and --json: choose one/],
    ] as const) {
      const { code, stderr, stdout } = await cli(['--config', config, 'metrics', ...args], { env: down });
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
    }
    const unreachable = await cli(['--config', config, 'metrics', '--csv'], { env: down });
    assert.deepEqual([unreachable.code, unreachable.stdout], [3, '']);
  });

  /** A reader that takes the first lines and then waits. */
  async function slowly(
    url: string,
    use: (child: ChildProcessByStdio<null, Readable, Readable>) => Promise<void> | void,
  ): Promise<{ code: number | null; stderr: string }> {
    const bin = path.join(ROOT, 'dist/cli/main.js');
    const child = spawn(process.execPath, [bin, '--config', config, 'metrics', '--csv'], {
      cwd: ROOT,
      env: { ...process.env, ELASTICSEARCH_URL: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const exited = once(child, 'exit');
    await once(child.stdout, 'readable');
    await use(child);
    const [code] = (await exited) as [number | null];
    return { code, stderr };
  }
  const address = (): string => t.servers.elasticsearch.url;

  test('a reader that has seen enough ends it quietly', async () => {
    const { code, stderr } = await slowly(address(), (child) => void child.stdout.destroy());
    assert.deepEqual([code, stderr], [0, '']);
  });

  test('a disk that is full ends it with one line and no success', async () => {
    const full = openSync('/dev/full', 'w');
    try {
      const bin = path.join(ROOT, 'dist/cli/main.js');
      const child = spawn(process.execPath, [bin, '--config', config, 'metrics', '--csv'], {
        cwd: ROOT,
        stdio: ['ignore', full, 'pipe'],
      });
      let stderr = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const [code] = (await once(child, 'close')) as [number | null];
      assert.equal(code, 2);
      assert.match(stderr, /^clickstream: the output is incomplete, it could not be written: ENOSPC.*\n$/);
    } finally {
      closeSync(full);
    }
  });

  test('Ctrl-C ends it while nobody reads', async () => {
    const { code, stderr } = await slowly(address(), (child) => void child.kill('SIGINT'));
    assert.equal(code, 130);
    assert.match(stderr, /^incomplete: the output ends after [\d,]+ figures\n$/);
  });

  test('Elasticsearch that dies in the middle leaves no output that passes for everything', async () => {
    const proxy = await startProxy(new URL(address()).host);
    const { code, stderr } = await slowly(`http://127.0.0.1:${proxy.port}`, async (child) => {
      await proxy.refuse();
      child.stdout.resume();
    });
    proxy.close();
    assert.equal(code, 3, stderr);
    assert.match(
      stderr,
      /^incomplete: the output ends after [\d,]+ figures\nclickstream: Elasticsearch does not answer/,
    );
  });
});
