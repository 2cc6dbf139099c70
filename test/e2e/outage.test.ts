import assert from 'node:assert/strict';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { cli } from '../support/cli.js';
import { until, withInstallation } from '../support/installation.js';

/** A way to Elasticsearch that can be cut and mended; behind it is the real server. */
class Cuttable {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private port = 0;

  constructor(private readonly target: URL) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async mend(): Promise<void> {
    this.server = createServer((near) => {
      const far = connect(Number(this.target.port), this.target.hostname);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => this.sockets.delete(from));
      }
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as { port: number }).port;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.server?.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}

const EVENT = (id: number): string =>
  `${JSON.stringify({ event_id: `e${id}`, t: 1_700_000_000_000 + id, ip: '192.0.2.1', url: `/page/${id}`, user_agent: 'test' })}\n`;

interface Result {
  readonly analyze: { readonly outcome: string; readonly indexError?: string };
}

/** Elasticsearch behind a wire of the test's own; `patience` is how long indexMetrics tries. */
async function withOutage(
  patience: string,
  use: (installation: Parameters<Parameters<typeof withInstallation>[1]>[0], wire: Cuttable) => Promise<void>,
): Promise<void> {
  const wire = new Cuttable(new URL(process.env['ELASTICSEARCH_URL'] ?? ''));
  await wire.mend();
  try {
    await withInstallation(
      'outage',
      async (installation) => {
        await installation.worker({ env: { ELASTICSEARCH_URL: wire.url } });
        await use(installation, wire);
      },
      (yaml) => yaml.replace(/^analyze:\n/m, `analyze:\n  index_patience: ${patience}\n`),
    );
  } finally {
    await wire.cut();
  }
}

test('an outage of Elasticsearch that ends in time is retried through, and nothing is lost', async () => {
  await withOutage('5m', async (installation, wire) => {
    assert.equal((await installation.run(['produce', '-'], {}, EVENT(1))).code, 0);
    await wire.cut();
    let told = '';
    const run = cli(['--config', installation.config, 'pipeline'], { onStderr: (stderr) => (told = stderr) });
    await until('the click to be aggregated', 60_000, async () => {
      const { persisted, marks_waiting } = await installation.status();
      return persisted === 1 && marks_waiting === 0;
    });
    await until('the person who waits to be told why', 90_000, () =>
      /indexMetrics, attempt \d+: .*Elasticsearch/.test(told),
    );
    assert.equal((await installation.status()).documents_clicks, 0, 'still cut');
    await wire.mend();
    const { code, stderr } = await run;
    assert.equal(code, 0, stderr);
    assert.equal((await installation.status()).documents_clicks, 1);
  });
});

test('an outage beyond the patience ends the run as `aggregated, index behind`, and the next run catches up', async () => {
  await withOutage('10s', async (installation, wire) => {
    assert.equal((await installation.run(['produce', '-'], {}, EVENT(1))).code, 0);
    await wire.cut();
    const behind = await installation.run(['pipeline', '--json']);
    assert.equal(behind.code, 4, behind.stderr);
    const result = JSON.parse(behind.stdout) as Result;
    assert.equal(result.analyze.outcome, 'aggregated, index behind');
    const status = await installation.status();
    assert.deepEqual([status.persisted, status.marks_waiting, status.documents_clicks], [1, 0, 0]);

    await wire.mend();
    assert.equal((await installation.run(['pipeline'])).code, 0);
    assert.equal((await installation.status()).documents_clicks, 1);
    assert.equal((await installation.run(['verify', '--drained'])).code, 0);
  });
});
