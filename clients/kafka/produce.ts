import { Partitioners, type Kafka, type Producer } from 'kafkajs';
import { untilAborted } from '../../domain/untilAborted.js';
import { inBatches, type BatchBounds } from './batches.js';
import type { ProduceOptions, ProduceRecord } from './client.js';
import type { PartitionMetadata } from './internals.js';
import { kafkaErrorType } from './errors.js';
import { maxMessageBytes, RecordTooLarge, sizeOf } from './recordTooLarge.js';
import { PATIENT, withTries } from './tries.js';

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
  readonly record: ProduceRecord;
  /** Which record of the call it is, from 1. */
  readonly nth: number;
}

/**
 * Sends records in order, in batches of about 1 MB (smaller ones every half second while the source is slow), each
 * acknowledged by all in-sync replicas before the next. With a key, by its hash, as Kafka's own clients do; others in turn.
 *
 * Brokers that restart and leaders that move are waited for, two minutes at most. What was acknowledged is in the log;
 * what was sent again because an answer got lost is there once, the producer being idempotent. Only a second
 * call (after a failure of this one) can send a record twice.
 *
 * A record that is larger than the topic takes ends the call when all records before it are sent.
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
  const messageOf = messageMaker(topic, partitions);
  const done = { records: 0, bytes: 0 };
  const doing = `producing to topic ${topic}`;
  try {
    await withTries(doing, { signal, patience: PATIENT }, () => producer.connect());
    let taken = 0;
    for await (const batch of inBatches(records, (record) => sizeOf(record) + RECORD_OVERHEAD, BOUNDS)) {
      signal?.throwIfAborted();
      const before = taken;
      taken += batch.records.length;
      const messages = batch.records.map((record, i) => messageOf(record, before + i + 1));
      await sendByPartition(messages, async (some) => {
        const once = (): Promise<unknown> => send(producer, topic, some);
        await withTries(doing, { signal, patience: PATIENT }, once);
        done.records += some.length;
        done.bytes += some.reduce((sum, message) => sum + sizeOf(message), 0);
      });
      onProgress?.({ ...done });
    }
    return done;
  } catch (error) {
    if (!(error instanceof RecordTooLarge)) throw error;
    const limit = await untilAborted(maxMessageBytes(kafka, topic), signal);
    throw error.explained(topic, limit, done.records);
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
  const outcomes = await Promise.allSettled([...groups.values()].map((group) => sendParts(group, sendOne)));
  const reasons = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  const [other] = reasons.filter((reason) => !(reason instanceof RecordTooLarge));
  if (other !== undefined) throw other as Error;
  // The first of them: all records before it are sent.
  const [first] = reasons.filter((reason) => reason instanceof RecordTooLarge).sort((a, b) => a.nth - b.nth);
  if (first instanceof RecordTooLarge) throw first;
}

/** A topic may take less than our batches hold: those that it refuses are sent by halves, in order. */
async function sendParts(
  messages: Message[],
  sendOne: (messages: Message[]) => Promise<void>,
): Promise<void> {
  try {
    await sendOne(messages);
  } catch (error) {
    const [first] = messages;
    if (first === undefined || kafkaErrorType(error) !== 'MESSAGE_TOO_LARGE') throw error;
    if (messages.length === 1) throw new RecordTooLarge(first.record, first.nth);
    const half = messages.length >> 1;
    await sendParts(messages.slice(0, half), sendOne);
    await sendParts(messages.slice(half), sendOne);
  }
}

const send = (producer: Producer, topic: string, messages: Message[]): Promise<unknown> =>
  producer.send({ topic, acks: -1, messages });

function messageMaker(
  topic: string,
  partitions: readonly PartitionMetadata[],
): (record: ProduceRecord, nth: number) => Message {
  const partitioner = Partitioners.DefaultPartitioner();
  const partitionMetadata = partitions.map((known) => ({
    partitionErrorCode: 0,
    replicas: [],
    isr: [],
    ...known,
  }));
  return (record, nth) => {
    const key = asBuffer(record.key);
    const value = asBuffer(record.value);
    const partition = partitioner({ topic, partitionMetadata, message: { key, value } });
    return { key, value, partition, record, nth };
  };
}

const asBuffer = (bytes: Uint8Array | null | undefined): Buffer | null =>
  bytes === null || bytes === undefined
    ? null
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
