import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { until, withInstallation, type Installation } from '../support/installation.js';
import { withSmallDisk, type SmallDisk } from '../support/smallDisk.js';

const events = (count: number): string =>
  Array.from(
    { length: count },
    (_, i) =>
      `${JSON.stringify({ event_id: `e${i}`, t: 1_700_000_000_000 + i * 50, ip: `192.0.2.${i % 200}`, url: `/page/${i % 50}`, user_agent: 'test' })}\n`,
  ).join('');

/** One lane, batches of 500, the spool in a folder of the test's. */
const oneLane =
  (spool: string) =>
  (yaml: string): string =>
    yaml.replace(
      /^kafka:/m,
      `ingest: { shards: 1, batch: { records: 500 }, spool: { dir: ${spool} } }\nkafka:`,
    );

/** Everything is there once, and every figure is the plain one's. */
async function isExact(installation: Installation, records: number): Promise<void> {
  const status = await installation.status();
  assert.deepEqual(
    [status.records, status.persisted, status.duplicates, status.dead_letters, status.lag],
    [records, records, 0, 0, 0],
  );
  const verified = await installation.run(['verify', '--drained']);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
}

/** A pipeline whose worker has its spool on a disk that is full, until it is told to the person who waits. */
async function goesOn(installation: Installation, disk: SmallDisk): Promise<void> {
  assert.equal((await installation.run(['produce', '-'], {}, events(3000))).code, 0);
  await installation.worker({ inside: disk.inside });
  const run = installation.run(['pipeline']);
  const told = /"?consumeBatch.*no space is left on its disk.*ingest\.spool\.dir/s;
  await until('the failure to be seen', 60_000, async () => {
    const shard = `${installation.name}-ingest-${installation.topic}-0`;
    return told.test(
      (await installation.run(['temporal', 'workflow', 'describe', '--workflow-id', shard])).stdout,
    );
  });
  assert.equal((await installation.status()).persisted, 0);
  disk.empty();
  const { code, stderr } = await run;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /consumeBatch, attempt \d+: .*no space is left/);
  await isExact(installation, 3000);
}

describe('the spool is a cache: no fault of it loses or doubles a record', { concurrency: 2 }, () => {
  test('a full disk holds ingestion up, the person who waits is told, and it goes on when there is room', async () => {
    const spool = mkdtempSync(path.join(tmpdir(), 'clickstream-spool-'));
    try {
      await withSmallDisk({ folder: spool, bytes: 2 * 1024 * 1024 }, async (disk) => {
        disk.fill(32 * 1024);
        await withInstallation('full disk', (installation) => goesOn(installation, disk), oneLane(spool));
      });
    } finally {
      rmSync(spool, { recursive: true, force: true });
    }
  });

  test('of two workers with a spool each, one is killed for good in mid-batch with the next batch read ahead', async () => {
    await withInstallation(
      'two spools',
      async (installation) => {
        assert.equal((await installation.run(['produce', '-'], {}, events(6000))).code, 0);
        const env = { CLICKSTREAM_HEARTBEAT_MS: '5000' };
        // The first one sleeps after its first fetch, so that the chain is its own when the other comes up.
        const victim = await installation.worker({
          env: {
            ...env,
            CLICKSTREAM_FAILPOINT: 'consumeBatch:after-fetch:sleep,persistBatch:before-commit:kill',
          },
        });
        const run = installation.run(['pipeline']);
        const heir = await installation.worker({ env });
        assert.equal((await victim.exited).signal, 'SIGKILL');
        const { code, stderr } = await run;
        assert.equal(code, 0, stderr);
        await isExact(installation, 6000);
        assert.equal(heir.process.exitCode, null, 'the heir never fell');
      },
      (yaml) => yaml.replace(/^kafka:/m, 'ingest: { shards: 1, batch: { records: 500 } }\nkafka:'),
    );
  });
});
