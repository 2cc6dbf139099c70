import { Partitioners, type Kafka, type Producer } from 'kafkajs';
import { inBatches, type BatchBounds } from './batches.js';
import type { ProduceOptions, ProduceRecord } from './client.js';
import type { PartitionMetadata } from './internals.js';
import { PATIENT, untilAborted, withTries } from './tries.js';

/**
 * Below the brokers' own limit of a record batch (`max.message.bytes`, 1,048,588 by default), even if all of it goes to
 * one partition. Many small records: an array of so many is no burden. A record that would make the batch too large
 * goes alone, so that its neighbours never suffer for it.
 */
const BOUNDS: BatchBounds = { bytes: 1_000_000, records: 10_000, lingerMs: 500 };
/** Lengths, deltas and attributes that stand before a record's key and value, at most. */
const RECORD_OVERHEAD = 25;

interface Message {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly partition: number;
}

/**
 * Sends records in order, in batches of about 1 MB (smaller ones every half second while the source is slow), each
 * acknowledged by all in-sync replicas before the next. With a key, by its hash, as Kafka's own clients do; others in turn.
 *
 * Brokers that restart and leaders that move are waited for, two minutes at most. What was acknowledged is in the log;
 * what was sent again because an answer got lost is there once, the producer being idempotent. Only a second
 * call (after a failure of this one) can send a record twice.
 * @param partitions The topic's, at the start.
 */
export async function produce(
  kafka: Kafka,
  topic: string,
  partitions: readonly PartitionMetadata[],
  records: AsyncIterable<ProduceRecord> | Iterable<ProduceRecord>,
  options: ProduceOptions,
): Promise<{ records: number; bytes: number }> {
  const { signal, onProgress } = options;
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  const partitionOf = partitionerFor(topic, partitions);
  const done = { records: 0, bytes: 0 };
  const doing = `producing to topic ${topic}`;
  try {
    await withTries(doing, { signal, patience: PATIENT }, () => producer.connect());
    for await (const batch of inBatches(records, (record) => sizeOf(record) + RECORD_OVERHEAD, BOUNDS)) {
      signal?.throwIfAborted();
      await sendByPartition(batch.records.map(partitionOf), async (messages) => {
        const once = (): Promise<unknown> => send(producer, topic, messages);
        await withTries(doing, { signal, patience: PATIENT }, once);
        done.records += messages.length;
        done.bytes += messages.reduce((sum, message) => sum + sizeOf(message), 0);
      });
      onProgress?.({ ...done });
    }
    return done;
  } finally {
    await untilAborted(producer.disconnect(), signal).catch(() => undefined);
  }
}

/**
 * One request a partition, each with a partition of its own choice. kafkajs, given a batch for several, chooses
 * the partitions anew for each of its tries, and when one leader of two fails takes the other's answer for
 * both if it leads all of them now: records would be lost, though acknowledged.
 */
async function sendByPartition(
  messages: readonly Message[],
  sendOne: (messages: Message[]) => Promise<void>,
): Promise<void> {
  const groups = new Map<number, Message[]>();
  for (const message of messages) {
    const group = groups.get(message.partition);
    if (group === undefined) groups.set(message.partition, [message]);
    else group.push(message);
  }
  const outcomes = await Promise.allSettled([...groups.values()].map(sendOne));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

const send = (producer: Producer, topic: string, messages: Message[]): Promise<unknown> =>
  producer.send({ topic, acks: -1, messages });

function partitionerFor(
  topic: string,
  partitions: readonly PartitionMetadata[],
): (record: ProduceRecord) => Message {
  const partitioner = Partitioners.DefaultPartitioner();
  const partitionMetadata = partitions.map((known) => ({
    partitionErrorCode: 0,
    replicas: [],
    isr: [],
    ...known,
  }));
  return (record) => {
    const key = asBuffer(record.key);
    const value = asBuffer(record.value);
    return { key, value, partition: partitioner({ topic, partitionMetadata, message: { key, value } }) };
  };
}

const sizeOf = ({ key, value }: ProduceRecord): number => (key?.length ?? 0) + (value?.length ?? 0);

const asBuffer = (bytes: Uint8Array | null | undefined): Buffer | null =>
  bytes === null || bytes === undefined
    ? null
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
