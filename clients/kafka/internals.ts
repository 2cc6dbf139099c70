/**
 * The parts of kafkajs 2.2.4 that its types do not show, typed here and nowhere else. kafkajs is frozen and
 * pinned exactly; it keeps the connections (TLS, SASL, request queue), the requests that matter are ours.
 */
import { createRequire } from 'node:module';
import { Kafka, logLevel, type KafkaConfig, type SASLOptions } from 'kafkajs';
import type { Servers } from '../../domain/config/config.js';
import type { Position } from '../../domain/stages.js';
import { framingSockets, type FrameMemory } from './frames.js';

export interface Encoder {
  writeBufferInternal(bytes: Buffer): void;
}
export interface Request {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  encode(): Promise<Encoder>;
}
export interface Response<T> {
  decode(raw: Buffer): Promise<T & { readonly clientSideThrottleTime: number }>;
  parse(decoded: T): Promise<T>;
}
export interface Broker {
  readonly nodeId: number | null;
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  readonly connectionPool: {
    send<T>(call: { readonly request: Request; readonly response: Response<T> }): Promise<T>;
    /** Connects it where it is not connected. */
    getConnection(index: number): Promise<unknown>;
    /** The second one is for fetches alone. */
    readonly pool: readonly { chunks: Buffer[]; readonly bytesBuffered: number }[];
  };
  lookupRequest(
    apiKey: number,
    requests: unknown,
  ): (args: object) => { readonly request: Request; readonly response: unknown };
  listOffsets(args: {
    readonly isolationLevel: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
  offsetCommit(args: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly Position[] }[];
  }): Promise<unknown>;
}
export interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
}
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(which: { readonly nodeId: number }): Promise<Broker>;
  findGroupCoordinator(which: { readonly groupId: string }): Promise<Broker>;
  readonly brokerPool: {
    findConnectedBroker(): Promise<Broker>;
    readonly metadata: { readonly clusterId?: string | null } | null;
  };
}

const load = createRequire(import.meta.url);
const ClusterClass = load('kafkajs/src/cluster') as new (options: object) => Cluster;
const EncoderClass = load('kafkajs/src/protocol/encoder') as new () => Encoder;
const { createLogger } = load('kafkajs/src/loggers') as {
  readonly createLogger: (options: object) => unknown;
};
const { requests } = load('kafkajs/src/protocol/requests') as { requests: { Fetch: unknown } };

export const API = { fetch: 1, metadata: 3 } as const;
export const READ_COMMITTED = 1;

export const newEncoder = (): Encoder => new EncoderClass();

/** kafkajs's own encoding of a Fetch request, in the newest version that both sides know (11). */
export const fetchRequest = (broker: Broker, args: object): Request =>
  broker.lookupRequest(API.fetch, requests.Fetch)(args).request;

const FETCH_CONNECTION = 1;
const connecting = new WeakMap<Broker, Promise<unknown>>();

/** One after the other: of two first fetches at once each would open a socket, of which kafkajs forgets one. */
export async function connectForFetches(broker: Broker): Promise<void> {
  const before = connecting.get(broker) ?? Promise.resolve();
  const now = before.then(() => broker.connectionPool.getConnection(FETCH_CONNECTION));
  connecting.set(
    broker,
    now.catch(() => undefined),
  );
  await now;
}

/** kafkajs keeps an empty rest of each response, and would copy the whole next one to join the two. */
export function dropEmptyRests(broker: Broker): void {
  for (const connection of broker.connectionPool.pool)
    if (connection.bytesBuffered === 0) connection.chunks = [];
}

/** A loaded machine needs more than kafkajs's one second to connect. */
const CONNECT_MS = 5_000;
/** Long polls wait less; beyond this a broker is taken for dead. */
const REQUEST_MS = 20_000;

/** Tries inside kafkajs, enough to go round the brokers once; more is the callers' business (tries.ts). */
const retry = (servers: Servers): KafkaConfig['retry'] => ({
  retries: Math.max(2, servers.kafka.brokers.length),
  initialRetryTime: 200,
  maxRetryTime: 2_000,
});

const ssl = (servers: Servers): KafkaConfig['ssl'] => {
  const wanted = servers.kafka.ssl;
  if (typeof wanted === 'boolean') return wanted;
  return wanted.ca === undefined ? {} : { ca: [wanted.ca] };
};

/** A fresh object for each client: kafkajs changes the one it is given. */
const sasl = (servers: Servers): SASLOptions | undefined => {
  const given = servers.kafka.sasl;
  if (given === undefined) return undefined;
  const { mechanism, username, password } = given;
  return { mechanism, username, password };
};

const common = (
  servers: Servers,
  clientId: string,
): Pick<KafkaConfig, 'brokers' | 'clientId' | 'ssl' | 'sasl'> => {
  const login = sasl(servers);
  return {
    brokers: [...servers.kafka.brokers],
    clientId,
    ssl: ssl(servers) ?? false,
    ...(login !== undefined && { sasl: login }),
  };
};

const mute = (): (() => void) => () => undefined;

export function newCluster(servers: Servers, clientId: string, memory: FrameMemory): Cluster {
  return new ClusterClass({
    ...common(servers, clientId),
    logger: createLogger({ level: logLevel.NOTHING, logCreator: mute }),
    socketFactory: framingSockets(memory),
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    retry: retry(servers),
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: READ_COMMITTED,
  });
}

export function newKafka(servers: Servers, clientId: string): Kafka {
  return new Kafka({
    ...common(servers, clientId),
    logLevel: logLevel.NOTHING,
    logCreator: mute,
    connectionTimeout: CONNECT_MS,
    authenticationTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retry: retry(servers) ?? {},
  });
}
