import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openSpark } from '../../../clients/spark/index.js';
import { ServerRefused, ServerUnavailable } from '../../../domain/errors.js';
import { startTlsProxy, type TlsProxy } from '../../support/tlsProxy.js';
import { ADDRESS } from './support.js';

/** Opens a session in a process of its own, since Node reads its authorities once. */
const versionInProcess = (remote: string, env: Record<string, string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const library = new URL('../../../clients/spark/index.js', import.meta.url).href;
    const script = `const { openSpark } = await import('${library}');
      const session = await openSpark('${remote}');
      console.log(session.version);
      await session.close();`;
    execFile(
      process.execPath,
      ['--input-type=module', '-e', script],
      { env: { ...process.env, ...env }, timeout: 60_000 },
      (error, stdout) => (error instanceof Error ? reject(error) : resolve(stdout.trim())),
    );
  });

describe('TLS before Spark Connect', () => {
  let folder: string;
  let proxy: TlsProxy;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'spark-tls-'));
    proxy = await startTlsProxy(folder, ADDRESS);
  });
  after(() => {
    proxy.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('an authority of your own is named in NODE_EXTRA_CA_CERTS', async () => {
    const remote = `sc://127.0.0.1:${proxy.port}/;use_ssl=true;token=t`;
    assert.match(await versionInProcess(remote, { NODE_EXTRA_CA_CERTS: proxy.authority }), /^\d+\.\d+/);
  });

  test('a certificate of an unknown authority is refused, saying how to name it', async () => {
    await assert.rejects(
      openSpark(`sc://127.0.0.1:${proxy.port}/;token=secret`),
      (e) =>
        e instanceof ServerRefused &&
        e.message.includes(`127.0.0.1:${proxy.port}`) &&
        e.message.includes('NODE_EXTRA_CA_CERTS') &&
        !e.message.includes('secret'),
    );
  });

  test('TLS asked of a server without is refused with what to do', async () => {
    await assert.rejects(
      openSpark(`sc://${ADDRESS}/;token=secret`),
      (e) =>
        e instanceof ServerRefused && e.message.includes('use_ssl=false') && !e.message.includes('secret'),
    );
  });

  test('plain text to a server with TLS fails at once, by its address', async () => {
    await assert.rejects(
      openSpark(`sc://127.0.0.1:${proxy.port}`),
      (e) =>
        e instanceof ServerUnavailable &&
        e.message.includes(`127.0.0.1:${proxy.port}`) &&
        e.message.includes('use_ssl'),
    );
  });
});
