/** Sends the corpus, each record between good neighbours, as producers of every kind would. */
import { Kafka, Partitioners, logLevel, type Message } from 'kafkajs';
import { parseServers } from '../../domain/config/servers.js';
import { neighbour, POISON, SENT_MS, type PoisonRow } from './poison.js';
import { coordinates } from './stored.js';

export const PARTITIONS = 4;
/** Topics' settings: old and impossible timestamps, 10 MB records, and no retention in the middle of a test. */
const SETTINGS: Readonly<Record<string, string>> = {
  'max.message.bytes': String(32 * 1024 * 1024),
  'message.timestamp.before.max.ms': String(2n ** 63n - 1n),
  'message.timestamp.after.max.ms': String(2n ** 63n - 1n),
  'retention.ms': '-1',
};

export interface Sent {
  readonly at: string;
  /** Absent: a neighbour, number `i`. */
  readonly row?: PoisonRow;
  readonly i: number;
}

type Topics = { readonly created: string; readonly appended: string };

export async function sendCorpus(topics: Topics): Promise<readonly Sent[]> {
  const { brokers } = parseServers(process.env).kafka;
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, requestTimeout: 60_000 });
  const admin = kafka.admin();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await Promise.all([admin.connect(), producer.connect()]);
  try {
    for (const topic of Object.values(topics)) {
      const type = topic === topics.appended ? 'LogAppendTime' : 'CreateTime';
      const settings = { ...SETTINGS, 'message.timestamp.type': type };
      const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
      // 2: a topic.
      await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] });
    }
    const sent: Sent[] = [];
    const partitionOf = new Map<string, number>();
    for (const [i, row] of POISON.entries()) {
      const { expected } = row;
      const partition =
        (expected.place === 'duplicate' ? partitionOf.get(expected.of) : undefined) ?? i % PARTITIONS;
      partitionOf.set(row.name, partition);
      const topic = row.appendTime === true ? topics.appended : topics.created;
      const neighbouring: Message = {
        partition,
        value: Buffer.from(neighbour(i)),
        timestamp: String(SENT_MS),
      };
      // A request of its own for what has a time of its own: kafkajs reckons a batch's times from its first.
      const alone = row.timestampMs !== undefined;
      const batches = alone
        ? [[neighbouring], [message(row, partition)]]
        : [[neighbouring, message(row, partition)]];
      for (const messages of batches) {
        const [answer] = await producer.send({ topic, acks: -1, timeout: 60_000, messages });
        const base = BigInt(answer?.baseOffset ?? -1);
        for (const [k, one] of messages.entries())
          sent.push({
            at: coordinates(topic, partition, base + BigInt(k)),
            i,
            ...(one !== neighbouring && { row }),
          });
      }
    }
    return sent;
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
}

function message(row: PoisonRow, partition: number): Message {
  const value = row.bytes();
  const { key = null, timestampMs = SENT_MS } = row;
  return {
    partition,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: String(timestampMs),
    ...(row.headers !== undefined && {
      headers: Object.fromEntries(
        Object.entries(row.headers).map(([key, value]) => [key, value ?? withoutValue(key)]),
      ),
    }),
  };
}

/** kafkajs writes a header without value, but fails to measure it: it is shown an empty text before the null. */
const withoutValue = (key: string): string[] =>
  Object.assign([], {
    map: () => {
      const values = ['', null, null];
      return [
        {
          key,
          get value() {
            return values.shift() ?? null;
          },
        },
      ];
    },
  });
