/** Scripted ingest activities over an imaginary log: partitions that hold so many records each. */
import type {
  BatchRef,
  ConsumeBatchInput,
  ConsumeBatchResult,
  PersistBatchInput,
  PersistBatchResult,
  Position,
} from '../../domain/stages.js';

export interface Log {
  /** Records in each partition. */
  readonly ends: readonly number[];
  /** What PostgreSQL would hold: the next offset of each partition. */
  readonly stored: number[];
  /** Everything that was called, in order: `consume 0..10`, `persist 0..10`. */
  readonly calls: string[];
  consumeBatch(input: ConsumeBatchInput): Promise<ConsumeBatchResult>;
  persistBatch(input: PersistBatchInput): Promise<PersistBatchResult>;
}

/** Batches of at most `size` records per partition; an empty log answers after `idleMs`. */
export function imaginaryLog(options: {
  readonly ends: readonly number[];
  readonly size: number;
  readonly spoolQueue: () => string;
  readonly idleMs?: number;
  /** Bytes that make every batch's reference longer: a history is full (4 MB) after fewer batches. */
  readonly padding?: number;
}): Log {
  const { ends, size } = options;
  const stored = ends.map(() => 0);
  const calls: string[] = [];
  const bounds = (ranges: BatchRef['ranges']): string =>
    ranges.map(({ partition, from, to }) => `${partition}:${from}..${to}`).join(' ');

  const batchOf = (ranges: BatchRef['ranges'], input: ConsumeBatchInput): BatchRef => {
    const records = ranges.reduce((sum, { from, to }) => sum + Number(to) - Number(from), 0);
    const { topic, shard } = input;
    return {
      batchId: `batch ${bounds(ranges)}`.padEnd(options.padding ?? 0, ' '),
      sourceId: 1,
      topic,
      shard,
      ranges,
      records,
      bytes: records,
    };
  };

  return {
    ends,
    stored,
    calls,
    async consumeBatch(input) {
      const mine = ends.map((_, partition) => partition).filter((p) => p % input.shards === input.shard);
      if (input.exact !== undefined) {
        calls.push(`again ${bounds(input.exact.ranges)}`);
        const next = input.exact.ranges.map(({ partition, to }) => ({ partition, offset: to }));
        const batch = batchOf(input.exact.ranges, input);
        return {
          batch,
          spoolQueue: options.spoolQueue(),
          next,
          reachedUntil: false,
          maxRecords: 1000,
          waitMs: 100,
        };
      }
      const from = (partition: number): number =>
        Number(at(input.after, partition) ?? stored[partition] ?? 0);
      const limit = (partition: number): number =>
        input.until === undefined
          ? (ends[partition] ?? 0)
          : Number(at(input.until, partition) ?? from(partition));
      const ranges = mine.flatMap((partition) => {
        const to = Math.min(from(partition) + size, Math.max(limit(partition), from(partition)));
        return to === from(partition) ? [] : [{ partition, from: String(from(partition)), to: String(to) }];
      });
      const next = mine.map((partition) => ({
        partition,
        offset: ranges.find((range) => range.partition === partition)?.to ?? String(from(partition)),
      }));
      const reachedUntil =
        input.until !== undefined &&
        next.every(({ partition, offset }) => Number(offset) >= limit(partition));
      calls.push(`${input.after === undefined ? 'first' : 'read'} ${bounds(ranges)}`.trim());
      if (ranges.length === 0 && !reachedUntil)
        await new Promise((resolve) => setTimeout(resolve, options.idleMs ?? 200));
      return {
        ...(ranges.length === 0 ? {} : { batch: batchOf(ranges, input) }),
        spoolQueue: options.spoolQueue(),
        next,
        reachedUntil,
        maxRecords: 1000,
        waitMs: 100,
      };
    },
    persistBatch({ batch }) {
      calls.push(`persist ${bounds(batch.ranges)}`);
      if (batch.ranges.some(({ partition, from }) => stored[partition] !== Number(from)))
        return Promise.resolve({
          outcome: 'fenced' as const,
          offsets: batch.ranges.map(({ partition }) => ({ partition, offset: String(stored[partition]) })),
        });
      for (const { partition, to } of batch.ranges) stored[partition] = Number(to);
      const { records } = batch;
      const counts = { records, persisted: records, duplicates: 0, deadLetters: 0, filtered: 0 };
      return Promise.resolve({ outcome: 'persisted' as const, counts, replayed: false });
    },
  };
}

const at = (positions: readonly Position[] | undefined, partition: number): string | undefined =>
  positions?.find((position) => position.partition === partition)?.offset;

/** What analyze's activities answer when there is nothing special about them. */
export const aggregated = (marksLeft = 0) => ({
  run: '1',
  version: '7',
  hours: 1,
  clicks: 10,
  changed: 4,
  vanished: 0,
  unchanged: 0,
  marksLeft,
  ms: 1,
});
export const indexed = { grains: [], indexed: 4, rejected: 0, ms: 1 };
