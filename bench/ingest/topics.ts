import { randomBytes } from 'node:crypto';
import { openKafka } from '../../clients/kafka/index.js';
import { newKafka } from '../../clients/kafka/internals.js';
import type { ProduceRecord } from '../../clients/kafka/client.js';
import type { Position } from '../../domain/stages.js';
import type { Bench } from './bench.js';
import { generateEvents, type Shape } from './shape.js';

export const PARTITIONS = 4;
/** Of a topic that takes longer to fill, every so many events are told. */
const MILLION = 1_000_000;

export interface FilledTopic {
  readonly topic: string;
  readonly shape: Shape;
  /** Events that differ. */
  readonly distinct: number;
  readonly bytesPerEvent: number;
  readonly ends: readonly Position[];
}

/** Makes a topic of four partitions and fills it. Its name is new each time: an interrupted run leaves no half one. */
export async function fillTopic({ servers, signal, report }: Bench, shape: Shape): Promise<FilledTopic> {
  const topic = `bench-${randomBytes(4).toString('hex')}`;
  const kafka = openKafka(servers, topic);
  try {
    await kafka.createTopic(topic, PARTITIONS);
    let distinct = 0;
    const counted = function* (): Generator<ProduceRecord> {
      for (const { key, value, again } of generateEvents(shape)) {
        if (!again) distinct++;
        yield { key, value };
      }
    };
    let told = 0;
    const onProgress = (done: { readonly records: number }): void => {
      const millions = Math.floor(done.records / MILLION);
      if (millions > told) report(`${(millions * MILLION).toLocaleString('en-US')} events are in ${topic}`);
      told = millions;
    };
    const { records, bytes } = await kafka.produce(topic, counted(), { signal, onProgress });
    const partitions = Array.from({ length: PARTITIONS }, (_, p) => p);
    const ends = await kafka.lastStableOffsets(topic, partitions, signal);
    report(`${records.toLocaleString('en-US')} events in ${topic}`);
    return {
      topic,
      shape,
      distinct,
      bytesPerEvent: bytes / records,
      ends: [...ends].map(([partition, end]) => ({ partition, offset: end.toString() })),
    };
  } finally {
    await kafka.close();
  }
}

/** A benchmark leaves nothing behind on servers that are not its own. */
export async function deleteTopics(
  { servers, report }: Pick<Bench, 'servers' | 'report'>,
  topics: readonly string[],
): Promise<void> {
  const admin = newKafka(servers, 'bench').admin();
  try {
    await admin.connect();
    await admin.deleteTopics({ topics: [...topics] });
  } catch (e) {
    report(`topics ${topics.join(', ')} were not deleted: ${String(e)}`);
  } finally {
    await admin.disconnect();
  }
}
