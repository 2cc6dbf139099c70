import type { ConfigResourceTypes, Kafka } from 'kafkajs';
import { UsageError } from '../../domain/errors.js';
import type { ProduceRecord } from './client.js';

/** kafkajs's own name for it is not to be had from an ES module. */
const TOPIC: ConfigResourceTypes = 2;
/** What stands before the records of a batch. */
const BATCH_HEADER_BYTES = 61;

/** The topic takes no batch with this record, not even with it alone. */
export class RecordTooLarge extends Error {
  /** @param nth which record of the call it is, from 1 */
  constructor(
    readonly record: ProduceRecord,
    readonly nth: number,
  ) {
    super(`record ${nth} is larger than the topic takes`);
    this.name = 'RecordTooLarge';
  }

  /** @param limit of the topic, bytes; undefined where Kafka does not tell it */
  explained(topic: string, limit: number | undefined, sent: number): UsageError {
    const { file, line } = this.record;
    const where = file === undefined || line === undefined ? `record ${this.nth}` : `${file}: line ${line}`;
    const most = limit === undefined ? 'fewer bytes' : `at most ${number(limit)} bytes`;
    const own = sizeOf(this.record);
    return new UsageError(
      `${where}: expected ${most} as a record of topic ${topic} (its max.message.bytes), got ${number(own)} and ` +
        `the ${number(batchSizeOf(this.record) - own)} that Kafka adds; ${number(sent)} ` +
        `${sent === 1 ? 'record was' : 'records were'} sent, all that stand before it among them`,
      { cause: this },
    );
  }
}

/** What the topic takes, its brokers' default included; undefined where Kafka does not say so. */
export async function maxMessageBytes(kafka: Kafka, topic: string): Promise<number | undefined> {
  const admin = kafka.admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC, name: topic, configNames: ['max.message.bytes'] }],
    });
    const value = resources[0]?.configEntries[0]?.configValue;
    return value === undefined ? undefined : Number(value);
  } catch {
    // A right that is missing, for one: what is wrong with the record is known without it.
    return undefined;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

const number = (n: number): string => n.toLocaleString('en-US');

/** Of what the caller sends, without anything that Kafka adds. */
export const sizeOf = ({ key, value }: ProduceRecord): number => (key?.length ?? 0) + (value?.length ?? 0);

/** A batch of this record alone, as the broker measures it: without compression and headers. */
function batchSizeOf({ key, value }: ProduceRecord): number {
  // Attributes, and the deltas of time and offset, both 0.
  const record = 3 + bytesOf(key) + bytesOf(value) + varintSize(0);
  return BATCH_HEADER_BYTES + varintSize(record) + record;
}

const bytesOf = (bytes: Uint8Array | null | undefined): number =>
  bytes === null || bytes === undefined ? varintSize(-1) : varintSize(bytes.length) + bytes.length;

/** Seven bits a byte, of n or, where it is negative, of what is left of it, twice. */
function varintSize(n: number): number {
  const zigzag = n < 0 ? -2 * n - 1 : 2 * n;
  return Math.max(1, Math.ceil(Math.log2(zigzag + 1) / 7));
}
