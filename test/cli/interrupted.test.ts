import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { cli, ROOT } from '../support/cli.js';
import { faultyElasticsearch } from '../support/faultyElasticsearch.js';
import { until, withInstallation, type Installation } from '../support/installation.js';

/** Sends SIGINT as soon as `isTime` of what the command has said on stderr. */
async function interrupted(
  installation: Installation,
  args: readonly string[],
  isTime: (stderr: string) => boolean,
  { env = {}, input }: { readonly env?: Record<string, string>; readonly input?: string } = {},
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'cli/clickstream.mjs'), '--config', installation.config, ...args],
    { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['pipe', 'ignore', 'pipe'] },
  );
  // With input the pipe stays open and silent after it.
  if (input === undefined) child.stdin.end();
  else child.stdin.write(input);
  const closed = once(child, 'close') as Promise<[number | null]>;
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  await until(`${args[0]} to get there`, 60_000, () => isTime(stderr));
  child.kill('SIGINT');
  const [code] = await closed;
  return { code, stderr };
}

test('Ctrl-C at a run says that it goes on, and the command that ends it, which does', () =>
  withInstallation('goes_on', async (installation) => {
    const { code, stderr } = await interrupted(installation, ['pipeline'], (said) => /^started /m.test(said));
    assert.equal(code, 130, stderr);
    const id = `${installation.name}-pipeline`;
    const [, ends = ''] =
      new RegExp(`${id} goes on: .* follows it again, \`clickstream (.+)\` ends it`).exec(stderr) ?? [];
    const ended = await cli(ends.split(' '));
    assert.equal(ended.code, 0, ended.stderr);
  }));

for (const verb of ['verify', 'migrate', 'doctor'])
  test(`Ctrl-C at ${verb} while it waits for Elasticsearch is 130, and neither a difference nor a fault`, () =>
    withInstallation(`${verb}_stopped`, async (installation) => {
      let asked = false;
      const proxy = await faultyElasticsearch(process.env['ELASTICSEARCH_URL'] ?? '', () => {
        asked = true;
        return { hold: new Promise(() => undefined) };
      });
      const { code, stderr } = await interrupted(installation, [verb], () => asked, {
        env: { ELASTICSEARCH_URL: proxy.url },
      });
      proxy.close();
      assert.equal(code, 130, stderr);
      assert.doesNotMatch(stderr, /abort|answer|running/i);
    }));

test('one Ctrl-C ends produce while its stdin is open and silent', () =>
  withInstallation('pipe_idle', async (installation) => {
    const { code, stderr } = await interrupted(
      installation,
      ['produce', '-'],
      (said) => said.includes('1 record sent'),
      { input: '{"a":1}\n' },
    );
    assert.equal(code, 130, stderr);
    assert.doesNotMatch(stderr, /abort/i);
  }));
