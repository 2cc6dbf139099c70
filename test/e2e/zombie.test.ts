import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { until, withInstallation } from '../support/installation.js';

const smallBatches = (yaml: string): string =>
  yaml.replace(/^kafka:/m, 'ingest: { batch: { records: 500 } }\nkafka:');

const lines = (from: number, count: number): string =>
  Array.from(
    { length: count },
    (_, k) =>
      `${JSON.stringify({ event_id: `e${from + k}`, t: 1_700_000_000_000 + (from + k) * 1000, ip: '192.0.2.1', url: `/page/${k % 9}`, user_agent: 'test' })}\n`,
  ).join('');

const HEARTBEAT_MS = 3000;
const ENDED = 'ended attempts that held the locks';

const PLACES = [
  /** In the midst of a COPY neither a time-out of PostgreSQL nor a cancellation ends the session. */
  { place: 'persistBatch:mid-copy', ended: true },
  { place: 'persistBatch:before-commit', ended: false },
];

describe('a stopped worker (SIGSTOP) neither blocks nor writes', { concurrency: 2 }, () => {
  for (const { place, ended } of PLACES)
    test(`at ${place}: another worker goes on, and woken it works again without harm`, () =>
      withInstallation(
        `stop ${place.slice(-8)}`,
        async (installation) => {
          assert.equal((await installation.run(['produce', '-'], {}, lines(0, 3000))).code, 0);
          const marker = path.join(installation.folder, 'stopped');
          const env = { CLICKSTREAM_HEARTBEAT_MS: `${HEARTBEAT_MS}` };
          const zombie = await installation.worker({
            role: 'ingest',
            env: {
              ...env,
              CLICKSTREAM_FAILPOINT: `${place}:stop`,
              CLICKSTREAM_FAILPOINT_MARKER: marker,
            },
          });
          const started = await installation.run(['ingest', 'start']);
          assert.equal(started.code, 0, started.stderr);
          await until('the worker to be stopped', 60_000, () => existsSync(marker));

          const other = await installation.worker({ role: 'ingest', env });
          await until(
            'the other worker to persist everything',
            90_000,
            async () => (await installation.persisted()) === 3000,
          );
          if (ended) assert.ok(other.log().includes(ENDED), other.log());

          zombie.process.kill('SIGCONT');
          await sleep(3 * HEARTBEAT_MS);
          assert.equal(zombie.log().includes(ENDED), false, 'the zombie ended nobody');
          await other.terminate();
          assert.equal((await installation.run(['produce', '-'], {}, lines(3000, 1000))).code, 0);
          await until(
            'the woken worker to persist what came after',
            90_000,
            async () => (await installation.persisted()) === 4000,
          );

          const status = await installation.status();
          assert.deepEqual(
            [status.persisted, status.duplicates, status.dead_letters, status.lag],
            [4000, 0, 0, 0],
          );
          await installation.run(['ingest', 'stop']);
          const verified = await installation.run(['verify']);
          assert.equal(verified.code, 0, verified.stdout + verified.stderr);
        },
        smallBatches,
      ));

  for (const place of ['runSparkAggregation:mid-spark', 'runSparkAggregation:before-commit'])
    test(`at ${place}: another worker computes the figures, and the woken one writes none`, () =>
      withInstallation(`stop ${place.slice(-10)}`, async (installation) => {
        assert.equal((await installation.run(['produce', '-'], {}, lines(0, 1000))).code, 0);
        await installation.worker({ role: 'ingest' });
        const marker = path.join(installation.folder, 'stopped');
        const env = { CLICKSTREAM_HEARTBEAT_MS: `${HEARTBEAT_MS}` };
        const zombie = await installation.worker({
          role: 'analyze',
          env: { ...env, CLICKSTREAM_FAILPOINT: `${place}:stop`, CLICKSTREAM_FAILPOINT_MARKER: marker },
        });
        const pipeline = installation.run(['pipeline']);
        await until('the worker to be stopped', 90_000, () => existsSync(marker));
        const other = await installation.worker({ role: 'analyze', env });
        const { code, stderr } = await pipeline;
        assert.equal(code, 0, stderr);
        const shown = [
          'workflow',
          'show',
          '--workflow-id',
          `${installation.name}-analyze`,
          '--output',
          'json',
        ];
        const { stdout: history } = await installation.run(['temporal', ...shown]);
        assert.match(history, /TIMEOUT_TYPE_HEARTBEAT/, 'Temporal itself gave the stopped attempt up');
        const before = await installation.json<{ runs: readonly object[] }>(['status']);

        zombie.process.kill('SIGCONT');
        await sleep(3 * HEARTBEAT_MS);
        const after = await installation.json<{ runs: readonly object[] }>(['status']);
        assert.deepEqual(after.runs, before.runs, 'the zombie committed nothing');
        await other.terminate();
        assert.equal((await installation.run(['produce', '-'], {}, lines(1000, 500))).code, 0);
        assert.equal((await installation.run(['pipeline'])).code, 0, 'the woken worker works again');
        const verified = await installation.run(['verify', '--drained']);
        assert.equal(verified.code, 0, verified.stdout + verified.stderr);
      }));
});
