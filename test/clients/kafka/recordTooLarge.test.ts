import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { UsageError } from '../../../domain/errors.js';
import { openTestKafka, text } from '../../support/kafka.js';

const { kafka, topicOf, readAll, close } = openTestKafka();
after(close);

const smallTopic = (what: string): Promise<string> =>
  topicOf(what, { settings: { 'max.message.bytes': '10000' } });

const records = (n: number): { value: Buffer; file: string; line: number }[] =>
  Array.from({ length: n }, (_, i) => ({
    value: Buffer.from(`${i} `.padEnd(300, 'x')),
    file: 'a.ndjson',
    line: i + 1,
  }));

test('a topic that takes less than a batch of ours gets every record, in order', async () => {
  const topic = await smallTopic('little');
  const sent = records(500);
  assert.equal((await kafka.produce(topic, sent)).records, 500);
  const read = (await readAll(topic)).records.map(({ value }) => text(value));
  assert.deepEqual(
    read,
    sent.map(({ value }) => text(value)),
  );
});

test('a record too large for the topic is named with its file and line, and all before it are sent', async () => {
  const topic = await smallTopic('large');
  const sent = records(200);
  sent.splice(150, 1, { value: Buffer.alloc(9_999, 'y'), file: 'a.ndjson', line: 151 });
  await assert.rejects(kafka.produce(topic, sent), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(
      error.message,
      /^a\.ndjson: line 151: expected at most 10,000 bytes as a record of topic \S+ \(its max\.message\.bytes\), got 9,999 and the 72 that Kafka adds; 150 records were sent, /,
    );
    return true;
  });
  assert.equal((await readAll(topic)).records.length, 150);
});

test('what Kafka adds to a record is counted to the byte', async () => {
  const topic = await smallTopic('exact');
  // 10,000 with the 72: the largest that fits.
  await kafka.produce(topic, [{ value: Buffer.alloc(9_928, 'y') }]);
  await assert.rejects(
    kafka.produce(topic, [{ value: Buffer.alloc(9_929, 'y') }]),
    /^UsageError: record 1: .* got 9,929 and the 72 that Kafka adds; 0 records were sent/,
  );
});
