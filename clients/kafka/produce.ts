import { Partitioners, type Kafka } from 'kafkajs';
import type { ProduceOptions, ProduceRecord } from './client.js';
import { untilAborted } from './connection.js';

const BATCH_BYTES = 1024 * 1024;
/** Many small records: an array of so many is no burden, and one request of them is far below 1 MB. */
const BATCH_RECORDS = 10_000;

/**
 * Sends records in order, in batches of about 1 MB, each acknowledged by all in-sync replicas before the next
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
    let batch: { key: Buffer | null; value: Buffer | null }[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return;
      await untilAborted(producer.send({ topic, acks: -1, messages: batch }), signal);
      done.records += batch.length;
      done.bytes += bytes;
      batch = [];
      bytes = 0;
      onProgress?.({ ...done });
    };
    for await (const { key, value } of records) {
      signal?.throwIfAborted();
      const size = (key?.length ?? 0) + (value?.length ?? 0);
      // A record that would make the request too large goes alone, so that its neighbours never suffer for it.
      if (bytes + size > BATCH_BYTES || batch.length >= BATCH_RECORDS) await flush();
      batch.push({ key: asBuffer(key), value: asBuffer(value) });
      bytes += size;
    }
    await flush();
    return done;
  } finally {
    await producer.disconnect().catch(() => undefined);
  }
}

const asBuffer = (bytes: Uint8Array | null | undefined): Buffer | null =>
  bytes === null || bytes === undefined
    ? null
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
