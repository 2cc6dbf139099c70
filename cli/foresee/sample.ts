import { beginnings } from '../../activities/ingestSource.js';
import type { KafkaClient } from '../../clients/kafka/client.js';
import { beginningText } from '../../domain/beginning.js';
import { OffsetOutOfRange, UsageError } from '../../domain/errors.js';
import type { Config } from '../../domain/config/config.js';
import type { KafkaRecord } from '../../domain/event/decoder.js';

/** Where a sample begins: where ingestion stands, at the log's begin, with its newest records, or at an offset. */
export type From = 'committed' | 'earliest' | 'latest' | ReadonlyMap<number, bigint>;

/** `0:1200` or `0:1200,3:77`: partition and offset. */
const OFFSETS = /^\d{1,4}:\d{1,15}(,\d{1,4}:\d{1,15})*$/;

export function parseFrom(text: string): From {
  if (text === 'committed' || text === 'earliest' || text === 'latest') return text;
  if (!OFFSETS.test(text))
    throw new UsageError(
      `--from: expected committed, earliest, latest, or partition:offset such as 0:1200,3:77, got ${JSON.stringify(text)}`,
    );
  return new Map(
    text.split(',').map((pair) => {
      const [partition = '', offset = '0'] = pair.split(':');
      return [Number(partition), BigInt(offset)];
    }),
  );
}

export interface SampleRequest {
  readonly topic: string;
  readonly partitions: readonly number[];
  readonly from: From;
  readonly records: number;
  /** Next offsets as PostgreSQL has them; empty: nothing of the topic was ever ingested. */
  readonly committed: ReadonlyMap<number, bigint>;
  /** What a person should know of where it begins. */
  readonly tell: (words: string) => void;
  readonly signal: AbortSignal;
}

/** A brokers' answer to one look; records beyond the quota of a look are fetched again by the next. */
const FETCH_BYTES = 4 * 1024 * 1024;
const MAX_WAIT_MS = 500;

/**
 * At most so many records, of each partition about as many, up to what was readable at the beginning. Nothing is
 * committed anywhere.
 * @throws UsageError: a partition that the topic does not have; OffsetOutOfRange
 */
export async function readSample(
  { kafka, config }: { readonly kafka: KafkaClient; readonly config: Config },
  request: SampleRequest,
): Promise<readonly KafkaRecord[]> {
  const { topic, records: wanted, signal } = request;
  const at = new Map(await startOf(kafka, config, request));
  const ends = await kafka.lastStableOffsets(topic, [...at.keys()], signal);
  const sample: KafkaRecord[] = [];
  for (;;) {
    const open = [...at].filter(([partition, offset]) => offset < (ends.get(partition) ?? 0n));
    if (open.length === 0 || sample.length >= wanted) return sample;
    const quota = Math.ceil((wanted - sample.length) / open.length);
    const fetched = await kafka.fetch(topic, new Map(open), {
      maxWaitMs: MAX_WAIT_MS,
      maxBytes: FETCH_BYTES,
      lane: 'try',
      signal,
    });
    for (const { partition, items } of fetched) {
      const end = ends.get(partition) ?? 0n;
      let left = Math.min(quota, wanted - sample.length);
      for (const item of items) {
        if ('next' in item) {
          at.set(partition, item.next);
          continue;
        }
        if (item.offset >= end) at.set(partition, end);
        if (item.offset >= end || left === 0) break;
        sample.push(item);
        at.set(partition, item.offset + 1n);
        left -= 1;
      }
    }
  }
}

async function startOf(
  kafka: KafkaClient,
  config: Config,
  { topic, partitions, from, records, committed, tell, signal }: SampleRequest,
): Promise<ReadonlyMap<number, bigint>> {
  if (from === 'earliest') return kafka.earliestOffsets(topic, partitions, signal);
  if (from === 'latest') {
    const share = BigInt(Math.ceil(records / partitions.length));
    const earliest = await kafka.earliestOffsets(topic, partitions, signal);
    const ends = await kafka.lastStableOffsets(topic, partitions, signal);
    return new Map([...ends].map(([p, end]) => [p, max(earliest.get(p) ?? 0n, end - share)]));
  }
  if (from === 'committed') {
    const missing = partitions.filter((p) => !committed.has(p));
    const starts =
      missing.length === 0
        ? []
        : await beginnings({ kafka, config }, topic, missing, committed.size === 0, signal);
    if (committed.size === 0 && config.kafka.start !== 'earliest') {
      const earliest = await kafka.earliestOffsets(topic, missing, signal);
      const words = beginningText(topic, config.kafka.start, new Map(starts), earliest);
      tell(`${words}; \`--from earliest\` looks at all`);
    }
    const gaps = await kafka.gaps(topic, committed, signal);
    if (gaps.length > 0) throw new OffsetOutOfRange(gaps.join('\n'));
    return new Map([...committed, ...starts]);
  }
  for (const partition of from.keys())
    if (!partitions.includes(partition))
      throw new UsageError(`--from: topic ${topic} has no partition ${partition}`);
  const earliest = await kafka.earliestOffsets(topic, [...from.keys()], signal);
  const ends = await kafka.lastStableOffsets(topic, [...from.keys()], signal);
  for (const [partition, offset] of from) {
    const [first, end] = [earliest.get(partition) ?? 0n, ends.get(partition) ?? 0n];
    if (offset < first || offset > end)
      throw new UsageError(
        `--from: the log of topic ${topic}, partition ${partition} holds ${first} to ${end}, got ${offset}`,
      );
  }
  return from;
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
