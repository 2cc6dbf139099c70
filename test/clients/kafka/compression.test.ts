import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { CompressionTypes } from 'kafkajs';
import { TopicConnection } from '../../../clients/kafka/connection.js';
import { FrameMemory } from '../../../clients/kafka/frames.js';
import { fetchRaw } from '../../../clients/kafka/fetch.js';
import { openTestKafka, text } from '../../support/kafka.js';

const { kafka, servers, topicOf, withProducer, readAll, close } = openTestKafka();
after(close);

/** The codec's number in the first batch of partition 0. */
async function codecInLog(topic: string): Promise<number> {
  const connection = new TopicConnection(servers, 'clickstream-test', topic, new FrameMemory());
  try {
    return await connection.run('looking at a batch', undefined, async (cluster) => {
      const [broker] = (await connection.leaders(cluster, [0])).keys();
      assert.ok(broker);
      const from = [{ partition: 0, offset: 0n }];
      const [answer] = await fetchRaw(broker, { topic, from, maxWaitMs: 1000, maxBytes: 1000 });
      assert.ok(answer);
      return answer.recordSet.readInt16BE(21) & 7;
    });
  } finally {
    await connection.close();
  }
}

describe('compressed by Kafka itself', () => {
  for (const [number, name] of ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'].entries())
    test(`${name}: records of all sizes come back byte for byte, from any offset`, async () => {
      const topic = await topicOf(name, { settings: { 'compression.type': name } });
      const values = Array.from({ length: 3000 }, (_, i) =>
        i % 500 === 7 ? randomBytes(i * 20) : Buffer.from(`{"id":${i},"url":"/product/${i % 70}"}`),
      );
      await withProducer(async (producer) => {
        for (let at = 0; at < values.length; at += 1000)
          await producer.send({
            topic,
            messages: values.slice(at, at + 1000).map((value, i) => ({ key: `k${at + i}`, value })),
          });
      });
      assert.equal(await codecInLog(topic), number);
      const { records, next } = await readAll(topic);
      assert.equal(next, 3000n);
      assert.equal(records.length, 3000);
      for (const [i, { offset, key, value }] of records.entries()) {
        assert.equal(offset, BigInt(i));
        assert.equal(text(key), `k${i}`);
        assert.ok(value !== null && values[i]?.equals(value));
      }
      const [middle] = await kafka.fetch(topic, new Map([[0, 1500n]]), {
        maxWaitMs: 1000,
        maxBytes: 1000,
        lane: 'test',
      });
      const [first] = middle?.items ?? [];
      assert.ok(first !== undefined && 'offset' in first && first.offset === 1500n);
    });

  test('a record of 10 MB, far beyond the fetch size, comes whole, packed or not, and what follows it too', async () => {
    for (const name of ['uncompressed', 'zstd']) {
      const topic = await topicOf(`big_${name}`, {
        settings: { 'max.message.bytes': String(12 * 1024 * 1024), 'compression.type': name },
      });
      const big = randomBytes(10 * 1024 * 1024);
      await withProducer(async (producer) => {
        for (const value of [Buffer.from('before'), big, Buffer.from('after')])
          await producer.send({ topic, messages: [{ value }], compression: CompressionTypes.None });
      });
      const { records, rounds } = await readAll(topic, 64 * 1024);
      assert.deepEqual(
        records.map(({ offset, value }) => [offset, value?.length]),
        [
          [0n, 6],
          [1n, big.length],
          [2n, 5],
        ],
      );
      assert.ok(records[1]?.value !== null && big.equals(records[1]?.value ?? Buffer.alloc(0)));
      assert.ok(rounds <= 4, `${rounds} fetches`);
    }
  });
});
