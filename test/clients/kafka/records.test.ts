import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTestKafka, text } from '../../support/kafka.js';

const { kafka, run, topicOf, withProducer, readAll, close } = openTestKafka();
after(close);

const FOUR_ZEROS = Buffer.alloc(4);

describe('records of all kinds', () => {
  test('no key, an empty key, four zero bytes as key, headers, timestamp -1', async () => {
    const topic = await topicOf('odd');
    await withProducer((producer) =>
      producer.send({
        topic,
        messages: [
          { value: 'no key', timestamp: '1700000000000' },
          { key: '', value: 'empty key', timestamp: '1700000000001' },
          { key: FOUR_ZEROS, value: 'zeros', timestamp: '1699999999999' },
          { value: 'headers', headers: { a: '1', b: '' }, timestamp: '1700000000003' },
        ],
      }),
    );
    await withProducer((producer) =>
      producer.send({ topic, messages: [{ value: 'never', timestamp: '-1' }] }),
    );
    const { records, next } = await readAll(topic);
    assert.equal(next, 5n);
    assert.deepEqual(
      records.map(({ key, value, timestampMs }) => [text(key), text(value), timestampMs]),
      [
        [null, 'no key', 1700000000000],
        ['', 'empty key', 1700000000001],
        ['\0\0\0\0', 'zeros', 1699999999999],
        [null, 'headers', 1700000000003],
        [null, 'never', -1],
      ],
    );
  });

  test('a topic with LogAppendTime gives the broker’s time, packed or not', async () => {
    for (const type of ['uncompressed', 'lz4']) {
      const topic = await topicOf(`append_${type}`, {
        settings: { 'message.timestamp.type': 'LogAppendTime', 'compression.type': type },
      });
      const before = Date.now();
      await withProducer((producer) =>
        producer.send({ topic, messages: [{ value: 'old', timestamp: '1000' }, { value: 'new' }] }),
      );
      for (const { timestampMs } of (await readAll(topic)).records)
        assert.ok(timestampMs >= before - 1000 && timestampMs <= Date.now() + 1000, `${timestampMs}`);
    }
  });

  test('transactions that overlap: the aborted one’s records are left out, the other’s stay, packed as well', async () => {
    const topic = await topicOf('overlap', { settings: { 'compression.type': 'zstd' } });
    const transactional = (id: string) => ({
      transactionalId: `${id}-${run}`,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await withProducer(
      (kept) =>
        withProducer(async (aborted) => {
          const one = await kept.transaction();
          const two = await aborted.transaction();
          for (let i = 0; i < 3; i++) {
            await one.send({ topic, messages: [{ key: FOUR_ZEROS, value: `kept ${i}` }] });
            await two.send({ topic, messages: [{ key: FOUR_ZEROS, value: `aborted ${i}` }] });
          }
          await withProducer((plain) => plain.send({ topic, messages: [{ value: 'outside' }] }));
          await two.abort();
          assert.equal((await kafka.lastStableOffsets(topic, [0])).get(0), 0n, 'the other is still open');
          await one.commit();
          // The same producer again: what it aborted before must not count any more.
          const three = await aborted.transaction();
          await three.send({ topic, messages: [{ value: 'second attempt' }] });
          await three.commit();
        }, transactional('aborted')),
      transactional('kept'),
    );
    const end = 3n + 3n + 1n + 2n + 2n;
    while ((await kafka.lastStableOffsets(topic, [0])).get(0) !== end) await sleep(50);
    const { records, next } = await readAll(topic);
    assert.equal(next, end);
    assert.deepEqual(
      records.map(({ value }) => text(value)),
      ['kept 0', 'kept 1', 'kept 2', 'outside', 'second attempt'],
    );
    // From the middle of the aborted transaction, whose begin lies before.
    const [middle] = await kafka.fetch(topic, new Map([[0, 3n]]), {
      maxWaitMs: 1000,
      maxBytes: 100_000,
      lane: 'test',
    });
    const values = [...(middle?.items ?? [])].flatMap((item) => ('value' in item ? [text(item.value)] : []));
    assert.deepEqual(values, ['kept 2', 'outside', 'second attempt']);
  });

  test('a compacted topic: gaps are passed, and reading ends at the end of the log', async () => {
    const topic = await topicOf('compacted', {
      settings: {
        'cleanup.policy': 'compact',
        'min.cleanable.dirty.ratio': '0.01',
        'segment.ms': '100',
        'max.compaction.lag.ms': '200',
        'delete.retention.ms': '100',
      },
    });
    const send = (messages: { key: string; value: string | null }[]) =>
      withProducer((producer) => producer.send({ topic, messages }));
    for (let i = 0; i < 4; i++) {
      await send(Array.from({ length: 50 }, (_, k) => ({ key: `k${k % 5}`, value: `v${i}.${k}` })));
      await sleep(250);
    }
    // The segment that is written to is never compacted: one more record closes the others.
    await send([{ key: 'last', value: 'last' }]);
    // The cleaner looks every 15 s.
    let { records, next } = await readAll(topic);
    for (const end = Date.now() + 90_000; records.length > 100;) {
      assert.ok(Date.now() < end, 'compacted in time');
      await sleep(1_000);
      ({ records, next } = await readAll(topic));
    }
    assert.equal(next, 201n);
    assert.equal(records.at(-1)?.offset, 200n);
    for (const [i, { offset }] of records.entries())
      assert.ok(i === 0 || offset > (records[i - 1]?.offset ?? -1n));
    const latest = new Map(records.map(({ key, value }) => [text(key), text(value)]));
    for (let k = 0; k < 5; k++) assert.equal(latest.get(`k${k}`), `v3.${45 + k}`);
  });
});
