import { Partitioners, type Kafka } from 'kafkajs';
import { inBatches, type BatchBounds } from './batches.js';
import type { ProduceOptions, ProduceRecord } from './client.js';
import { untilAborted } from './connection.js';

/**
 * Many small records: an array of so many is no burden, and one request of them is far below 1 MB. A record that
 * would make the request too large goes alone, so that its neighbours never suffer for it.
 */
const BOUNDS: BatchBounds = { bytes: 1024 * 1024, records: 10_000, lingerMs: 500 };

/**
 * Sends records in order, in batches of about 1 MB (smaller ones every half second while the source is slow), each acknowledged by all in-sync replicas before the next
 * (an idempotent producer keeps its promise only with one request in flight).
 */
export async function produce(
  kafka: Kafka,
  topic: string,
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
  const done = { records: 0, bytes: 0 };
  try {
    await untilAborted(producer.connect(), signal);
    for await (const batch of inBatches(records, sizeOf, BOUNDS)) {
      signal?.throwIfAborted();
      const messages = batch.records.map(({ key, value }) => ({
        key: asBuffer(key),
        value: asBuffer(value),
      }));
      await untilAborted(producer.send({ topic, acks: -1, messages }), signal);
      done.records += messages.length;
      done.bytes += batch.bytes;
      onProgress?.({ ...done });
    }
    return done;
  } finally {
    await producer.disconnect().catch(() => undefined);
  }
}

const sizeOf = ({ key, value }: ProduceRecord): number => (key?.length ?? 0) + (value?.length ?? 0);

const asBuffer = (bytes: Uint8Array | null | undefined): Buffer | null =>
  bytes === null || bytes === undefined
    ? null
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
