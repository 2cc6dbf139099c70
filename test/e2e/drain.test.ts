import assert from 'node:assert/strict';
import pg from 'pg';
import { describe, test } from 'node:test';
import { accessLog } from '../support/accessLog.js';
import { until, withInstallation, type Installation } from '../support/installation.js';

const smallBatches = (yaml: string): string =>
  yaml.replace(/^kafka:/m, 'ingest: { batch: { records: 300 } }\nkafka:');

async function rows(installation: Installation): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(
      `SELECT event_id, to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS time, url, country
         FROM "${installation.name}".clicks ORDER BY event_id`,
    );
    return rows;
  } finally {
    await client.end();
  }
}

describe('workers come and go, wherever they stand', { concurrency: 2 }, () => {
  test('SIGTERM under load drains and exits 0; another worker ends the work, nothing is lost or doubled', async () => {
    await withInstallation(
      'drain',
      async (installation) => {
        const { records } = await installation.json<{ records: number }>([
          'produce',
          accessLog(),
          '--format',
          'access-log',
        ]);
        const env = { CLICKSTREAM_HEARTBEAT_MS: '5000' };
        const first = await installation.worker({ env });
        const run = installation.run(['pipeline']);
        await until('the first batches', 60_000, async () => (await installation.persisted()) > 0);
        await installation.worker({ env });
        assert.equal(await first.terminate(), 0, first.log());
        const { code, stderr } = await run;
        assert.equal(code, 0, stderr);
        for (const shard of [0, 1]) {
          const id = `${installation.name}-ingest-${installation.topic}-${shard}`;
          const shown = ['workflow', 'show', '--workflow-id', id, '--output', 'json'];
          const { stdout: history } = await installation.run(['temporal', ...shown]);
          assert.match(history, /EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED/);
          assert.doesNotMatch(history, /TIMEOUT_TYPE_/, 'nobody waited for the worker that had drained');
        }
        const status = await installation.status();
        assert.deepEqual([status.records, status.duplicates, status.lag], [records, 0, 0]);
        const verified = await installation.run(['verify', '--drained']);
        assert.equal(verified.code, 0, verified.stdout + verified.stderr);
      },
      smallBatches,
    );
  });

  test('a worker in another zone, its clock an hour ahead, makes the same rows and the same figures', async () => {
    const ahead = `const now = Date.now; const D = Date; globalThis.Date = class extends D { constructor(...a) { a.length === 0 ? super(now() + 3600e3) : super(...a); } static now() { return now() + 3600e3; } };`;
    const environments: Record<string, string>[] = [
      {},
      { TZ: 'Asia/Kolkata', NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(ahead)}"` },
    ];
    const made: unknown[][] = [];
    const make = (env: Record<string, string>): Promise<void> =>
      withInstallation('clock', async (installation) => {
        assert.equal((await installation.run(['produce', accessLog(), '--format', 'access-log'])).code, 0);
        await installation.worker({ env });
        const { code, stderr } = await installation.run(['pipeline']);
        assert.equal(code, 0, stderr);
        const verified = await installation.run(['verify', '--drained']);
        assert.equal(verified.code, 0, verified.stdout + verified.stderr);
        made.push(await rows(installation));
      });
    await Promise.all(environments.map(make));
    assert.ok((made[0]?.length ?? 0) > 1000);
    assert.deepEqual(made[1], made[0]);
  });
});
