import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { cli } from '../support/cli.js';
import { killServersOf } from '../support/ending.js';
import { until, withInstallation } from '../support/installation.js';

const EVENTS = 20_000;
const OUTAGE_MS = 15_000;

const stateDir = mkdtempSync(path.join(tmpdir(), 'clickstream-kafka-'));
/** A Kafka of this test's own; an empty KAFKA_BROKERS names none. */
const env = { CLICKSTREAM_STATE_DIR: stateDir, KAFKA_BROKERS: '' };

async function up(): Promise<{ readonly brokers: readonly string[]; readonly pid: number }> {
  const started = await cli(['up', '--only', 'kafka'], { env });
  assert.equal(started.code, 0, started.stderr);
  const file = JSON.parse(readFileSync(path.join(stateDir, 'servers.json'), 'utf8')) as {
    readonly kafka: { readonly brokers: readonly string[] };
    readonly processes: { readonly kafka: { readonly pid: number } };
  };
  return { brokers: file.kafka.brokers, pid: file.processes.kafka.pid };
}

const ended = killServersOf(stateDir);
before(async () => {
  process.env['KAFKA_BROKERS'] = (await up()).brokers.join(',');
});
after(async () => {
  await cli(['down'], { env });
  ended();
  rmSync(stateDir, { recursive: true, force: true });
});

test('the broker killed for 15 s in mid-ingest: the workflow still runs, and no record is lost or doubled', async () => {
  await withInstallation(
    'brokers',
    async (installation) => {
      const lines = Array.from(
        { length: EVENTS },
        (_, i) =>
          `${JSON.stringify({ event_id: `e${i}`, t: 1_700_000_000_000 + i, ip: '192.0.2.1', url: `/page/${i % 9}`, user_agent: 'test' })}\n`,
      );
      const sent = await installation.run(['produce', '-'], {}, lines.join(''));
      assert.equal(sent.code, 0, sent.stderr);
      await installation.worker();
      const run = installation.run(['pipeline']);
      await until('the first batches', 60_000, async () => (await installation.persisted()) > 0);
      const { pid, brokers } = await up();
      process.kill(pid, 'SIGKILL');
      await sleep(OUTAGE_MS);
      assert.deepEqual((await up()).brokers, brokers, 'the broker comes back where it was');
      const { code, stderr } = await run;
      assert.equal(code, 0, stderr);
      const status = await installation.status();
      assert.deepEqual(
        [status.records, status.persisted, status.duplicates, status.lag],
        [EVENTS, EVENTS, 0, 0],
      );
      const verified = await installation.run(['verify', '--drained']);
      assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    },
    (yaml) => yaml.replace(/^kafka:/m, 'ingest: { batch: { records: 200 } }\nkafka:'),
  );
});
