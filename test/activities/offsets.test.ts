import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Kafka, logLevel } from 'kafkajs';
import { createAwaitOffsets } from '../../activities/awaitOffsets.js';
import { createNoteOffsets } from '../../activities/noteOffsets.js';
import type { NotedOffsets, NoteOffsetsInput } from '../../domain/stages.js';
import { clicks, install } from './installation.js';
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
      const three = { ...i, config: { ...i.config, ingest: { ...i.config.ingest, shards: 3 } } };
      await assert.rejects(
        new MockActivityEnvironment().run(createNoteOffsets(three), {}),
        failsAs('Configuration', /ingest.shards is 3, .* in 1/),
      );
    } finally {
      await i.close();
    }
  });

  test('a topic made again stops ingestion, loudly; a partition added is read from its beginning', async () => {
    const i = await install('again');
    const admin = new Kafka({ brokers: [...i.servers.kafka.brokers], logLevel: logLevel.NOTHING }).admin();
    try {
      await i.produce(clicks(5));
      assert.deepEqual(sumOf(await i.drain()), [5, 5, 0, 0, 0]);
      await admin.connect();
      await admin.createPartitions({ topicPartitions: [{ topic: i.topic, count: 3 }] });
      await new Promise((r) => setTimeout(r, 1000));
      await i.produce(clicks(60, 100));
      assert.deepEqual(sumOf(await i.drain()), [60, 60, 0, 0, 0]);
      assert.equal((await i.rows('SELECT 1 FROM ingest_offset')).length, 3);
      await admin.deleteTopics({ topics: [i.topic] });
      await new Promise((r) => setTimeout(r, 1500));
      await i.kafka.createTopic(i.topic, 1);
      await assert.rejects(i.consume(), failsAs('OffsetOutOfRange', /was made again/));
    } finally {
      await admin.disconnect();
      await i.close();
    }
  });
});
