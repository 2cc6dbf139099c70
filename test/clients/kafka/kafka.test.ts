import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { Partitioners, CompressionTypes } from 'kafkajs';
import { openKafka } from '../../../clients/kafka/index.js';
import { OffsetOutOfRange, ServerRefused, ServerUnavailable } from '../../../domain/errors.js';
import { openTestKafka, text } from '../../support/kafka.js';

const { kafka, raw, run, servers, topicOf, withAdmin, readAll, close } = openTestKafka();
after(close);

describe('Kafka read by range', () => {
  test('records come back in order, byte for byte, null values and gzip batches included', async () => {
    const topic = await topicOf('plain');
    const producer = raw.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({
      topic,
      messages: [
        { key: 'a', value: 'one', timestamp: '1700000000123' },
        { key: null, value: null },
        { value: '' },
      ],
    });
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: Array.from({ length: 500 }, (_, i) => ({ value: `zipped ${i}` })),
    });
    await producer.disconnect();
    const { records, next } = await readAll(topic);
    assert.equal(next, 503n);
    assert.deepEqual(
      records.slice(0, 3).map((r) => [r.offset, text(r.key), text(r.value)]),
      [
        [0n, 'a', 'one'],
        [1n, null, null],
        [2n, null, ''],
      ],
    );
    assert.equal(records[0]?.timestampMs, 1700000000123);
    assert.equal(text(records[502]?.value ?? null), 'zipped 499');
  });

  test('aborted transactions are skipped, and the control batches only move the position', async () => {
    const topic = await topicOf('transactions');
    const producer = raw.producer({
      transactionalId: `tx-${run}`,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    for (const [value, commit] of [
      ['kept 1', true],
      ['aborted', false],
      ['kept 2', true],
      ['aborted too', false],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key: Buffer.alloc(4), value }] });
      await (commit ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    while ((await kafka.lastStableOffsets(topic, [0])).get(0) !== 8n)
      await new Promise((r) => setTimeout(r, 50));
    const { records, next } = await readAll(topic);
    assert.deepEqual(
      records.map((r) => [r.offset, text(r.value)]),
      [
        [0n, 'kept 1'],
        [4n, 'kept 2'],
      ],
    );
    assert.equal(next, 8n, 'four records and four control batches');
  });

  test('an open transaction is not read past', async () => {
    const topic = await topicOf('open');
    const producer = raw.producer({
      transactionalId: `open-${run}`,
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: 'not yet' }] });
    assert.equal((await kafka.lastStableOffsets(topic, [0])).get(0), 0n);
    await transaction.commit();
    await producer.disconnect();
    // The commit marker is written a moment after the answer.
    while ((await kafka.lastStableOffsets(topic, [0])).get(0) !== 2n)
      await new Promise((r) => setTimeout(r, 50));
    assert.equal((await readAll(topic)).records.length, 1);
  });

  test('a message larger than the fetch size still makes progress, on every partition', async () => {
    const topic = await topicOf('large', { partitions: 2 });
    const big = randomBytes(300_000);
    const producer = raw.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    for (const partition of [0, 1]) await producer.send({ topic, messages: [{ partition, value: big }] });
    await producer.disconnect();
    const seen = new Set<number>();
    for (let i = 0; i < 10 && seen.size < 2; i++) {
      const from = new Map([0, 1].filter((p) => !seen.has(p)).map((p) => [p, 0n]));
      for (const { partition, items } of await kafka.fetch(topic, from, {
        maxWaitMs: 100,
        maxBytes: 1000,
        lane: 'test',
      }))
        for (const item of items) {
          if ('next' in item) continue;
          assert.ok(item.value !== null && big.equals(item.value));
          seen.add(partition);
        }
    }
    assert.equal(seen.size, 2);
  });

  test('a topic made again shows another incarnation', async () => {
    const topic = await topicOf('again', { partitions: 3 });
    const first = await kafka.describe(topic);
    assert.deepEqual(first.partitions, [0, 1, 2]);
    assert.match(first.incarnation, /^[0-9a-f]{32}$/);
    await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await new Promise((r) => setTimeout(r, 1500));
    await kafka.createTopic(topic, 1);
    const second = await kafka.describe(topic);
    assert.notEqual(second.incarnation, first.incarnation);
  });

  test('our producer sends in order what it is given', async () => {
    const topic = await topicOf('produce');
    async function* records(): AsyncGenerator<{ key: null; value: Uint8Array }> {
      for (let i = 0; i < 25_000; i++) {
        if (i % 5000 === 0) await Promise.resolve();
        yield { key: null, value: Buffer.from(`record ${i}`) };
      }
    }
    let progress = 0;
    const done = await kafka.produce(topic, records(), { onProgress: (p) => (progress = p.records) });
    assert.equal(done.records, 25_000);
    assert.equal(progress, 25_000);
    const { records: got } = await readAll(topic);
    assert.equal(got.length, 25_000);
    assert.ok(got.every((r, i) => text(r.value) === `record ${i}`));
  });

  test('committed group offsets are where lag tools look for them', async () => {
    const topic = await topicOf('group');
    await kafka.commitGroupOffsets(`g_${run}`, topic, [{ partition: 0, offset: '17' }]);
    const offsets = await withAdmin((admin) => admin.fetchOffsets({ groupId: `g_${run}`, topics: [topic] }));
    assert.equal(offsets[0]?.partitions[0]?.offset, '17');
  });

  test('an offset outside the log is named with the size of the gap', async () => {
    const topic = await topicOf('range');
    await kafka.produce(topic, [
      { value: Buffer.from('x') },
      { value: Buffer.from('y') },
      { value: Buffer.from('z') },
    ]);
    const fetchAt = (offset: bigint): Promise<unknown> =>
      kafka.fetch(topic, new Map([[0, offset]]), { maxWaitMs: 100, maxBytes: 1000, lane: 'test' });
    await assert.rejects(
      fetchAt(10n),
      (e) =>
        e instanceof OffsetOutOfRange &&
        /ends 7 offsets .* ingest skip --topic \S+ --made-again$/.test(e.message),
    );
    await withAdmin(async (admin) => {
      // kafkajs asks for the topic's offsets first, and its metadata may not know the topic yet.
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    });
    await assert.rejects(
      fetchAt(0n),
      (e) =>
        e instanceof OffsetOutOfRange &&
        /2 offsets are gone .* ingest skip --topic \S+ --partition 0 --to earliest$/.test(e.message),
    );
  });

  test('an unknown topic is refused, a broker that is down is unavailable, an abort ends at once', async () => {
    const missing = `no_such_${run}`;
    for (const ask of [
      () => kafka.describe(missing),
      () => kafka.describe(missing),
      () => kafka.produce(missing, [{ value: Buffer.from('x') }]),
    ])
      await assert.rejects(
        ask,
        (e) =>
          e instanceof ServerRefused &&
          new RegExp(`topic ${missing}: .* does not exist; create it`).test(e.message),
      );
    const nobody = openKafka(
      { ...servers, kafka: { ...servers.kafka, brokers: ['127.0.0.1:1'] } },
      'clickstream-test',
    );
    await assert.rejects(nobody.describe('any'), ServerUnavailable);
    await nobody.close();
    const topic = await topicOf('abort');
    const controller = new AbortController();
    const waiting = kafka.fetch(topic, new Map([[0, 0n]]), {
      maxWaitMs: 20_000,
      maxBytes: 1000,
      lane: 'abort',
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error('enough')), 200);
    // The fetch itself would be answered, with nothing.
    await assert.rejects(waiting, /enough/);
  });

  test('a client that is closed while it asks lets go of its connections, and refuses what comes later', async () => {
    const closed = openKafka(servers, 'closed');
    const asked = assert.rejects(closed.describe('closed_nowhere'));
    await closed.close();
    await asked;
    await assert.rejects(closed.describe('closed_nowhere'), /closed/);
  });
});
