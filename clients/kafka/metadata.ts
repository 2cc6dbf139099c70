import { API, newEncoder, type Broker, type Encoder } from './internals.js';

export interface TopicIdentity {
  readonly errorCode: number;
  readonly clusterId: string;
  /** 32 hex digits; all zero when the topic is unknown. */
  readonly topicId: string;
}

/** First version of Metadata that tells topic ids (Kafka 2.8); kafkajs speaks up to 6. */
const VERSION = 10;

export const knowsTopicIds = (broker: Broker): boolean =>
  (broker.versions?.[API.metadata]?.maxVersion ?? 0) >= VERSION;

/** One topic's identity, by a Metadata v10 request of ours over kafkajs's connection. */
export function topicIdentity(broker: Broker, topic: string): Promise<TopicIdentity> {
  return broker.connectionPool.send({
    request: {
      apiKey: API.metadata,
      apiVersion: VERSION,
      apiName: 'MetadataV10',
      encode: () => Promise.resolve(encode(topic)),
    },
    response: {
      decode: (raw: Buffer) => Promise.resolve({ ...decode(raw), clientSideThrottleTime: 0 }),
      parse: (decoded: TopicIdentity) => Promise.resolve(decoded),
    },
  });
}

function encode(topic: string): Encoder {
  const name = Buffer.from(topic);
  const body = Buffer.concat([
    Buffer.from([0]), // request header v2 is v1, which kafkajs writes, plus empty tags
    unsignedVarint(2), // one topic, plus one
    Buffer.alloc(16), // topic id: none
    unsignedVarint(name.length + 1),
    name,
    Buffer.from([0]), // tags of the topic
    Buffer.from([0, 0, 0]), // no auto-creation, no authorised operations of cluster and topic
    Buffer.from([0]), // tags
  ]);
  const encoder = newEncoder();
  encoder.writeBufferInternal(body);
  return encoder;
}

function unsignedVarint(n: number): Buffer {
  const bytes: number[] = [];
  for (let rest = n; ; rest >>>= 7) {
    if (rest < 128) {
      bytes.push(rest);
      return Buffer.from(bytes);
    }
    bytes.push((rest & 127) | 128);
  }
}

/** Flexible encoding: lengths and counts are one more than they are, 0 means null. */
function decode(raw: Buffer): TopicIdentity {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = raw.readUInt8(at++);
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const text = (): string => {
    const length = varint() - 1;
    if (length < 0) return '';
    at += length;
    return raw.toString('utf8', at - length, at);
  };
  const skipTags = (): void => {
    for (let tags = varint(); tags > 0; tags--) {
      varint();
      const length = varint();
      at += length;
    }
  };
  skipTags(); // response header v1
  at += 4; // throttle time
  for (let brokers = varint() - 1; brokers > 0; brokers--) {
    at += 4; // node id
    text(); // host
    at += 4; // port
    text(); // rack
    skipTags();
  }
  const clusterId = text();
  at += 4; // controller
  if (varint() - 1 < 1) return { errorCode: 3, clusterId, topicId: '0'.repeat(32) };
  const errorCode = raw.readInt16BE(at);
  at += 2;
  text(); // name
  return { errorCode, clusterId, topicId: raw.toString('hex', at, at + 16) };
}
