import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { CompressionTypes, type Message } from 'kafkajs';
import { peakMemoryMb } from '../../bench/ingest/processTimes.js';
import { until, withInstallation } from '../support/installation.js';
import { openTestKafka } from '../support/kafka.js';

const MB = 1_000_000;
const PARTITIONS = 4;
/** Some more than docs/operation.md tells: how busy the machine is decides when V8 collects what is small. */
const MAX_MB = { unpacked: 440, packed: 490 } as const;

type Send = (messages: Message[], compression: CompressionTypes) => Promise<void>;

let made = 0;
const event = (referrer: string): Message => ({
  partition: made % PARTITIONS,
  value: JSON.stringify({
    event_id: `large-${++made}`,
    t: 1_790_000_000_000 + made,
    ip: '10.1.2.3',
    url: `/p/${made % 97}`,
    referrer,
  }),
});
const small = (): Message[] => Array.from({ length: 3000 }, () => event('/'));
const large = (bytes: number): Message => event(randomBytes(bytes / 2).toString('hex'));

/** @returns the most that one worker held, MB, while it ingested what `fill` sends */
async function peakOf(fill: (send: Send) => Promise<void>): Promise<number | undefined> {
  const { withAdmin, withProducer, close } = openTestKafka();
  let peak: number | undefined;
  try {
    await withInstallation('large', async (installation) => {
      const { topic } = installation;
      const configEntries = [{ name: 'max.message.bytes', value: String(64 * MB) }];
      // 2: a topic.
      const resources = [{ type: 2, name: topic, configEntries }];
      await withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources }));
      const before = made;
      await withProducer((producer) =>
        fill(async (messages, compression) => {
          await producer.send({ topic, messages, compression, timeout: 60_000 });
        }),
      );
      const worker = await installation.worker({ role: 'ingest' });
      const started = await installation.run(['ingest', 'start']);
      assert.equal(started.code, 0, started.stderr);
      await until('all clicks', 120_000, async () => (await installation.persisted()) === made - before);
      peak = peakMemoryMb(worker.process.pid ?? 0);
      const stopped = await installation.run(['ingest', 'stop']);
      assert.equal(stopped.code, 0, stopped.stderr);
    });
  } finally {
    await close();
  }
  return peak;
}

test('a worker stays small while records of 10 MB pass among small ones', async (t) => {
  const peak = await peakOf(async (send) => {
    for (let i = 0; i < 8; i++) {
      await send([large(10 * MB)], CompressionTypes.None);
      await send(small(), CompressionTypes.None);
    }
  });
  t.diagnostic(`${peak ?? '?'} MB`);
  if (peak !== undefined) assert.ok(peak < MAX_MB.unpacked, `${peak} MB`);
});

test('and while batches pass that unpack to 27 MB', async (t) => {
  const peak = await peakOf(async (send) => {
    await send(small(), CompressionTypes.None);
    for (let i = 0; i < 4; i++) {
      const first = large(9 * MB);
      const rest = [large(9 * MB), large(9 * MB)].map((one) => ({ ...one, partition: i % PARTITIONS }));
      await send([{ ...first, partition: i % PARTITIONS }, ...rest], CompressionTypes.GZIP);
    }
  });
  t.diagnostic(`${peak ?? '?'} MB`);
  if (peak !== undefined) assert.ok(peak < MAX_MB.packed, `${peak} MB`);
});
