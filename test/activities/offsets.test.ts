import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Kafka, logLevel } from 'kafkajs';
import { createAwaitOffsets } from '../../activities/awaitOffsets.js';
import { openSource } from '../../activities/ingestSource.js';
import { createNoteOffsets } from '../../activities/noteOffsets.js';
import { silentLogger, type Logger } from '../../domain/logger.js';
import type { NotedOffsets, NoteOffsetsInput } from '../../domain/stages.js';
import { until } from '../support/installation.js';
import { withKafkaAdmin } from '../support/kafkaAdmin.js';
import { click, clicks, install } from './installation.js';
import { sumOf } from './sums.js';

const failsAs =
  (type: string, text: RegExp) =>
  (e: unknown): boolean =>
    e instanceof ApplicationFailure && e.type === type && text.test(e.message);

describe('noteOffsets and awaitOffsets', () => {
  test('the ends are noted with the recorded count of shards, and waited for', async () => {
    const i = await install('note', { partitions: 2 });
    try {
      await i.produce(clicks(20));
      const env = new MockActivityEnvironment();
      const noted = await env.run<
        [NoteOffsetsInput],
        NotedOffsets,
        (n: NoteOffsetsInput) => Promise<NotedOffsets>
      >(createNoteOffsets(i), {});
      const [topic] = noted.topics;
      assert.equal(topic?.shards, 1);
      assert.equal(
        topic.offsets.reduce((n, p) => n + Number(p.offset), 0),
        20,
      );
      const awaited = { topic: i.topic, shard: 0, shards: 1, until: topic.offsets };
      await assert.rejects(
        new MockActivityEnvironment().run(createAwaitOffsets(i), { ...awaited, stallMs: 500 }),
        failsAs('ShardStalled', /shard 0 .* 20 records behind/),
      );
      assert.deepEqual(sumOf(await i.drain()), [20, 20, 0, 0, 0]);
      await new MockActivityEnvironment().run(createAwaitOffsets(i), awaited);
      const more = { ...i, config: { ...i.config, ingest: { ...i.config.ingest, shards: 3 } } };
      const again = await env.run<
        [NoteOffsetsInput],
        NotedOffsets,
        (n: NoteOffsetsInput) => Promise<NotedOffsets>
      >(createNoteOffsets(more), {});
      assert.deepEqual(
        again.topics.map(({ shards, wanted }) => [shards, wanted]),
        [[1, 2]],
        'the count in force, and the wanted one, never above the partitions',
      );
    } finally {
      await i.close();
    }
  });

  test('partitions added are read from their beginning at the next call, beside what was read ahead', async () => {
    const i = await install('added');
    try {
      await i.produce(clicks(5));
      const first = await i.consume();
      assert.ok(first.batch);
      await withKafkaAdmin((admin) => admin.addPartitions(i.topic, 3));
      await i.produce(clicks(60, 100));
      const ahead = await i.consume({ after: first.next });
      assert.deepEqual(
        ahead.batch?.ranges.map(({ partition }) => partition),
        [0, 1, 2],
        'the read-ahead, whose positions do not name them, reads them at once',
      );
      assert.deepEqual(sumOf([await i.persist(first.batch)]), [5, 5, 0, 0, 0]);
      assert.deepEqual(sumOf([await i.persist(ahead.batch)]), [60, 60, 0, 0, 0]);
    } finally {
      await i.close();
    }
  });

  test('an ingest bounded before partitions were added ignores them and ends', async () => {
    const i = await install('bounded');
    try {
      await i.produce(clicks(5));
      const until = [{ partition: 0, offset: '5' }];
      await withKafkaAdmin((admin) => admin.addPartitions(i.topic, 2));
      await i.produce(clicks(60, 100));
      const bounded = await i.consume({ until });
      assert.ok(bounded.batch);
      assert.deepEqual(bounded.batch.ranges, [{ partition: 0, from: '0', to: '5' }]);
      assert.equal(bounded.reachedUntil, true);
      await i.persist(bounded.batch);
      assert.deepEqual(sumOf(await i.drain()), [60, 60, 0, 0, 0]);
    } finally {
      await i.close();
    }
  });
});

test('lag tools see no lag after the last batch of a bounded run, and the next run tells them what was left untold', () =>
  withKafkaAdmin(async (admin) => {
    const i = await install('group', { partitions: 2 });
    const told = async (offsets: readonly string[]): Promise<void> =>
      until(`the group to stand at ${offsets.join(' ')}`, 20_000, async () => {
        const group = await admin.groupOffsets(i.config.name, i.topic);
        return group.join(' ') === offsets.join(' ');
      });
    try {
      await i.produce(clicks(40));
      await i.drain();
      const { partitions } = await i.kafka.describe(i.topic);
      const ends = [...(await i.kafka.lastStableOffsets(i.topic, partitions)).values()].map(String);
      await told(ends);
      await i.kafka.commitGroupOffsets(i.config.name, i.topic, [{ partition: 0, offset: '0' }]);
      await told(['0', ends[1] ?? '']);
      await i.drain();
      await told(ends);
    } finally {
      await i.close();
    }
  }));

describe('kafka.start', () => {
  const starting = (start: string) => (text: string) => text.replace('start: earliest', `start: ${start}`);

  test('latest: what Kafka holds at the first look is not ingested, what comes after it is', async () => {
    const i = await install('latest', { partitions: 2, text: starting('latest') });
    try {
      await i.produce(clicks(50));
      assert.deepEqual(sumOf(await i.drain()), [0, 0, 0, 0, 0]);
      await i.produce(clicks(30, 50));
      assert.deepEqual(sumOf(await i.drain()), [30, 30, 0, 0, 0]);
      const ids = await i.rows('SELECT min(n) AS low, count(*) AS n FROM click_data');
      assert.deepEqual(ids, [{ low: 50, n: '30' }]);
      await withKafkaAdmin((admin) => admin.addPartitions(i.topic, 3));
      await i.produce(clicks(60, 80));
      assert.deepEqual(sumOf(await i.drain()), [60, 60, 0, 0, 0], 'a partition added begins at its earliest');
    } finally {
      await i.close();
    }
  });

  test('latest: the log says once where each partition begins, and how much is passed', async () => {
    const i = await install('latest_log', { partitions: 2, text: starting('latest') });
    const said: string[] = [];
    const logger: Logger = { ...silentLogger, info: (_, message) => said.push(message) };
    try {
      await i.produce(clicks(50));
      await openSource({ ...i, logger }, i.topic);
      await openSource({ ...i, logger }, i.topic);
      assert.equal(said.length, 1);
      assert.match(
        said[0] ?? '',
        /begins, by kafka\.start: latest, with partition 0 at offset \d+, partition 1 at offset \d+; 50 offsets before that are passed$/,
      );
    } finally {
      await i.close();
    }
  });

  test('a time: begins at the first record whose timestamp is not before it, in each partition', async () => {
    const time = '2026-01-02T00:00:00Z';
    const i = await install('time', { partitions: 3, text: starting(`'${time}'`) });
    const producer = new Kafka({
      brokers: [...i.servers.kafka.brokers],
      logLevel: logLevel.NOTHING,
    }).producer();
    try {
      await producer.connect();
      const at = Date.parse(time);
      const record = (n: number, ms: number, partition: number) => {
        return { partition, timestamp: String(at + ms), value: click(n) };
      };
      // Partition 0 has records before, at and after it; 1 only before; 2 only after.
      const messages = [
        ...[-2000, -1000, 0, 1000].map((ms, n) => record(n, ms, 0)),
        ...[-2000, -1].map((ms, n) => record(10 + n, ms, 1)),
        ...[1, 2].map((ms, n) => record(20 + n, ms, 2)),
      ];
      await producer.send({ topic: i.topic, messages });
      assert.deepEqual(sumOf(await i.drain()), [4, 4, 0, 0, 0]);
      const rows = await i.rows('SELECT n FROM click_data ORDER BY n');
      assert.deepEqual(
        rows.map(({ n }) => n),
        [2, 3, 20, 21],
      );
      const starts = await i.rows('SELECT start_offset AS s FROM ingest_offset ORDER BY partition');
      assert.deepEqual(
        starts.map(({ s }) => s),
        ['2', '2', '0'],
      );
    } finally {
      await producer.disconnect();
      await i.close();
    }
  });
});
