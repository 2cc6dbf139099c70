import type { RecordInBytes } from '../../domain/event/types.js';
import type { Position } from '../../domain/stages.js';

/** One incarnation of a topic, as the brokers describe it now. */
export interface TopicDescription {
  readonly topic: string;
  /** Kafka's topic id (32 hex digits), or `<cluster id>/<topic>` where the broker knows no topic ids. */
  readonly incarnation: string;
  /** Ascending. */
  readonly partitions: readonly number[];
}

export interface FetchedRecord extends RecordInBytes {
  /** `offset`, as a number: click ids have room for 2^40 of them. */
  readonly position: number;
  /** Of key and value. */
  readonly size: number;
}

/** Offsets that were passed: what follows begins at `next`. Ends each record batch, empty ones included. */
export interface Passed {
  readonly next: bigint;
}

export interface FetchedPartition {
  readonly partition: number;
  /** Offset that readers of committed records may reach. */
  readonly lastStableOffset: bigint;
  /** Records from the wanted offset on, in order; read once, lazily: decompression happens while walking. */
  readonly items: Iterable<FetchedRecord | Passed>;
  /** Bytes of its largest record batch, unpacked. */
  readonly largest: number;
  /** What their bytes lie in: for `release`. */
  readonly memory: ArrayBufferLike;
}

export interface FetchOptions {
  /** How long the brokers may wait for a first byte, ms. */
  readonly maxWaitMs: number;
  /** Bytes over all partitions; a single larger message still comes. */
  readonly maxBytes: number;
  /** Readers of one lane share a connection and wait for each other; give each shard its own. */
  readonly lane: string;
  readonly signal?: AbortSignal;
}

export interface ProduceRecord {
  readonly key?: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Where it was read, for the words of an error. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
}
export interface ProduceOptions {
  readonly onProgress?: (done: { readonly records: number; readonly bytes: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Kafka read by offset range, without a consumer group.
 * Errors: ServerUnavailable, ServerRefused (unknown topic, missing right, wrong credentials), OffsetOutOfRange,
 * UnreadableBatch; an aborted signal rejects with its reason.
 */
export interface KafkaClient {
  /** Asks the brokers each time. */
  describe(topic: string, signal?: AbortSignal): Promise<TopicDescription>;
  earliestOffsets(
    topic: string,
    partitions: readonly number[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<number, bigint>>;
  lastStableOffsets(
    topic: string,
    partitions: readonly number[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<number, bigint>>;
  /** First offset whose timestamp is not before `timeMs`; the last stable offset where there is none. */
  offsetsForTime(
    topic: string,
    partitions: readonly number[],
    timeMs: number,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<number, bigint>>;
  /**
   * Why these next offsets cannot be read on, in words with the operator's command, one for each partition that the log
   * does not hold the next offset of (nor ends at); empty: all can. Offsets that were read before the call.
   */
  gaps(topic: string, next: ReadonlyMap<number, bigint>, signal?: AbortSignal): Promise<readonly string[]>;
  /** Committed records from the given offsets; partitions without news are absent. */
  fetch(
    topic: string,
    from: ReadonlyMap<number, bigint>,
    options: FetchOptions,
  ): Promise<readonly FetchedPartition[]>;
  /** Lends the memory of a fetch to later ones: none of its records may be read any more. Nobody has to. */
  release(fetched: readonly FetchedPartition[]): void;
  /** For the lag tools that people use; never read back. */
  commitGroupOffsets(group: string, topic: string, positions: readonly Position[]): Promise<void>;
  createTopic(topic: string, partitions: number): Promise<'created' | 'present'>;
  /**
   * Sends in order, each batch acknowledged by all in-sync replicas. Waits for brokers that restart, two minutes at
   * most; a record is then in the log once, unless the caller sends it again after a failure. A topic that does not
   * exist is refused within 2 s.
   * @throws UsageError for a record that is larger than the topic takes, naming its file and line and what was sent
   */
  produce(
    topic: string,
    records: AsyncIterable<ProduceRecord> | Iterable<ProduceRecord>,
    options?: ProduceOptions,
  ): Promise<{ readonly records: number; readonly bytes: number }>;
  /** For good. What is under way fails or ends soon, and no connection stays. */
  close(): Promise<void>;
}
