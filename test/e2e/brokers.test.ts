import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { until, withInstallation } from '../support/installation.js';
import { withKafkaCluster } from '../support/kafkaCluster.js';

const EVENTS = 20_000;
const OUTAGE_MS = 15_000;

test('every broker killed for 15 s in mid-ingest: the workflow still runs, and no record is lost or doubled', async () => {
  await withKafkaCluster({ size: 1 }, async (cluster) => {
    await cluster.start();
    const before = process.env['KAFKA_BROKERS'];
    process.env['KAFKA_BROKERS'] = cluster.brokers.join(',');
    try {
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
          await until('the first batches', 60_000, async () => (await installation.status()).persisted > 0);
          await cluster.kill();
          await sleep(OUTAGE_MS);
          await cluster.start();
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
    } finally {
      if (before === undefined) delete process.env['KAFKA_BROKERS'];
      else process.env['KAFKA_BROKERS'] = before;
    }
  });
});
