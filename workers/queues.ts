import { DEFAULT_SHARDS } from '../activities/ingestSource.js';
import { analyzeQueue, ingestQueue, spoolQueue, workflowQueue } from '../domain/names.js';
import type { Config } from '../domain/config/config.js';

export const ROLES = ['all', 'ingest', 'analyze'] as const;
export type Role = (typeof ROLES)[number];

export interface Queue {
  readonly kind: 'workflows' | 'ingest' | 'analyze' | 'spool';
  readonly taskQueue: string;
  /** Activities at a time. */
  readonly slots: number;
  /** How long a drain waits for what is under way, ms. */
  readonly graceMs: number;
  /** How long a drain still polls, ms. */
  readonly lingerMs?: number;
}

/** Above the time of one batch. */
const BATCH_GRACE_MS = 60_000;
/**
 * A batch may be ordered from this worker just before its workflow hears of the drain, and nobody else can do it: its
 * queue is polled until such orders have arrived.
 */
const SPOOL_LINGER_MS = 1000;
/** An aggregation that is cancelled changed nothing and starts again elsewhere: no need to wait for its end. */
const ANALYZE_GRACE_MS = 15_000;

/**
 * What a role polls. Every worker polls the workflow queue. On a spool's queue each lane (topic × shard) can hold
 * two slots at once, one that reads ahead, waiting for records, and one that persists: with fewer, the waiting
 * would keep the persisting out. Memory is bounded by lanes × `ingest.batch.bytes`, since a lane has one batch
 * being read at a time.
 */
export function queuesOf(
  role: Role,
  name: string,
  lanes: number,
  spoolId: string | undefined,
): readonly Queue[] {
  const queues: Queue[] = [
    { kind: 'workflows', taskQueue: workflowQueue(name), slots: 10, graceMs: ANALYZE_GRACE_MS },
  ];
  if (role !== 'analyze' && spoolId !== undefined)
    queues.push(
      {
        kind: 'spool',
        taskQueue: spoolQueue(name, spoolId),
        slots: 2 * lanes,
        graceMs: BATCH_GRACE_MS,
        lingerMs: SPOOL_LINGER_MS,
      },
      // The first of a chain, exact forms, and pipelines that wait in awaitOffsets, which cost nothing but must not
      // keep out those that they wait for.
      { kind: 'ingest', taskQueue: ingestQueue(name), slots: 4 * lanes + 4, graceMs: BATCH_GRACE_MS },
    );
  if (role !== 'ingest')
    // One aggregation at a time holds the figures' lock; the other slots let backfills and runs of marked hours wait
    // for it, which costs a connection each, and the index catch up meanwhile.
    queues.push({ kind: 'analyze', taskQueue: analyzeQueue(name), slots: 4, graceMs: ANALYZE_GRACE_MS });
  return queues;
}

/** @param recorded the counts of shards in force, by topic */
export const lanesOf = ({ kafka, ingest }: Config, recorded: ReadonlyMap<string, number>): number => {
  const shards = kafka.topics.map((topic) =>
    Math.max(ingest.shards ?? DEFAULT_SHARDS, recorded.get(topic) ?? 0),
  );
  return Math.min(
    16,
    Math.max(
      2,
      shards.reduce((sum, n) => sum + n, 0),
    ),
  );
};
