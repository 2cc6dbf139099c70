import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaClient } from '../../../clients/kafka/index.js';
import { parseServers } from '../../../domain/config/servers.js';
import { ServerUnavailable } from '../../../domain/errors.js';
import { openTestKafka, text } from '../../support/kafka.js';
import { withKafkaCluster } from '../../support/kafkaCluster.js';

const PARTITIONS = 4;

/** Reads all partitions by range, as consumeBatch does: what cannot be had now is asked for again. */
class Reader {
  readonly values: string[] = [];
  readonly next = new Map(Array.from({ length: PARTITIONS }, (_, p) => [p, 0n]));
  unavailable = 0;
  private readonly stop = new AbortController();
  private readonly reading: Promise<void>;

  constructor(kafka: KafkaClient, topic: string) {
    this.reading = this.read(kafka, topic);
  }

  private async read(kafka: KafkaClient, topic: string): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      try {
        const options = { maxWaitMs: 200, maxBytes: 100_000, lane: 'reader', signal };
        for (const { partition, items } of await kafka.fetch(topic, this.next, options))
          for (const item of items) {
            const at = this.next.get(partition) ?? 0n;
            if ('next' in item) {
              assert.ok(item.next >= at);
              this.next.set(partition, item.next);
              continue;
            }
            assert.equal(item.offset, at, 'in order, without a gap');
            this.next.set(partition, at + 1n);
            this.values.push(text(item.value) ?? '');
          }
      } catch (e) {
        if (signal.aborted) return;
        assert.ok(e instanceof ServerUnavailable, String(e));
        this.unavailable++;
        await sleep(200);
      }
    }
  }

  async until(count: number, ms: number): Promise<void> {
    for (const end = Date.now() + ms; this.values.length < count; await sleep(100))
      if (Date.now() > end) throw new Error(`${this.values.length} of ${count} records after ${ms} ms`);
  }

  async end(): Promise<void> {
    this.stop.abort(new Error('enough'));
    await this.reading;
  }
}

test('a leader killed, then the whole cluster down for 15 s: each acknowledged record is read once, in order', async () => {
  await withKafkaCluster({ size: 3 }, async (cluster) => {
    const servers = parseServers({ KAFKA_BROKERS: cluster.brokers.join(',') });
    const { kafka, topicOf, withAdmin, close } = openTestKafka(servers);
    const topic = await topicOf('cluster', { partitions: PARTITIONS });
    let sent = 0;
    let going = true;
    async function* clicks(): AsyncGenerator<{ value: Buffer }> {
      while (going) {
        for (let i = 0; i < 25; i++) yield { value: Buffer.from(`click ${sent++}`) };
        await sleep(25);
      }
    }
    let acknowledged = 0;
    const producing = kafka.produce(topic, clicks(), {
      onProgress: ({ records }) => (acknowledged = records),
    });
    producing.catch(() => undefined);
    const reader = new Reader(kafka, topic);

    await reader.until(500, 30_000);
    const [described] = (await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }))).topics;
    const leader = described?.partitions.find(({ partitionId }) => partitionId === 0)?.leader;
    assert.ok(leader !== undefined && leader > 0);
    await cluster.kill([leader]);
    const before = acknowledged;
    await reader.until(before + 1500, 45_000);

    await cluster.kill();
    const began = Date.now();
    await assert.rejects(kafka.describe(topic), ServerUnavailable);
    const controller = new AbortController();
    const asking = kafka.describe(topic, controller.signal);
    setTimeout(() => controller.abort(new Error('cancelled')), 300);
    // Not with what the attempt would have ended with.
    await assert.rejects(asking, /cancelled/);
    await sleep(Math.max(0, began + 15_000 - Date.now()));
    const during = acknowledged;
    await cluster.start();
    await reader.until(during + 1000, 45_000);

    going = false;
    assert.equal((await producing).records, sent, 'every record was acknowledged');
    await reader.until(sent, 30_000);
    await reader.end();
    assert.ok(reader.unavailable > 0);
    assert.deepEqual(
      reader.values.map((value) => Number(value.slice(6))).sort((a, b) => a - b),
      Array.from({ length: sent }, (_, i) => i),
      'nothing twice, nothing lost',
    );
    await close();
  });
});
