import type pg from 'pg';
import type { KafkaClient } from '../../clients/kafka/client.js';
import { advanceOffsets, limitWaits, lockOffsets } from '../../clients/postgres/ingest.js';
import { asPositions, isIncarnation, latestSource, nextOffsets } from '../../clients/postgres/offsets.js';
import { inTransaction, withClient, type Postgres } from '../../clients/postgres/pool.js';
import { skipId, skippedRanges, writeSkip } from '../../clients/postgres/skip.js';
import { UsageError } from '../../domain/errors.js';
import { gapOf, madeAgain, offsets, skipGapCommand } from '../../domain/gap.js';

export interface SkipClients {
  readonly postgres: Postgres;
  readonly kafka: KafkaClient;
}

export interface SkipRequest {
  readonly topic: string;
  /** Absent: every partition of the topic; only with `earliest`. */
  readonly partition?: number;
  readonly to: 'earliest' | bigint;
  /** Skips what Kafka still holds as well. */
  readonly force: boolean;
}

/** Offsets are decimal strings, `from` inclusive, `to` exclusive. */
export interface SkippedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly outcome: 'skipped' | 'skipped before' | 'nothing to skip';
  readonly from: string;
  readonly to: string;
  readonly offsets: number;
  /** Of these, how many Kafka still held. */
  readonly readable: number;
  /** What the log holds, for people: from its earliest offset to its end. */
  readonly log: { readonly earliest: string; readonly end: string };
  /** The row in the ledger. */
  readonly batchId?: string;
}

/** How long a batch that is being persisted is waited for, ms; more than a batch takes. */
export const LOCK_MS = 60_000;

/**
 * Moves stored next offsets forward past what is gone, all partitions in one transaction, each with its row in the
 * ledger. A batch that was read before is fenced by it. Given again it changes nothing.
 * @throws UsageError for what would move backwards, beyond the log, or (without `force`) over readable records
 */
export async function skip(
  { postgres, kafka }: SkipClients,
  request: SkipRequest,
): Promise<readonly SkippedPartition[]> {
  const { topic, partition } = request;
  const { incarnation, partitions } = await kafka.describe(topic);
  if (partition !== undefined && !partitions.includes(partition))
    throw new UsageError(
      `--partition: topic ${topic} has ${partitions.length} (0 to ${partitions.length - 1}), got ${partition}`,
    );
  const wanted = partition === undefined ? partitions : [partition];
  return withClient(postgres, `${postgres.name}:skip`, (client) =>
    inTransaction(client, async () => {
      await limitWaits(client, LOCK_MS, 2 * LOCK_MS);
      const source = await latestSource(client, topic);
      if (source === undefined) throw nothingIngested(topic);
      if (!isIncarnation(source.incarnation, incarnation)) {
        const stored = asPositions(await nextOffsets(client, source.sourceId));
        throw new UsageError(madeAgain(topic, source.incarnation, incarnation, stored));
      }
      const stands = new Map(
        (await lockOffsets(client, source.sourceId, wanted)).map((p) => [p.partition, BigInt(p.offset)]),
      );
      // Asked when no batch can move the offsets any more, or a log that grows would look like one that lost its end.
      const earliest = await kafka.earliestOffsets(topic, wanted);
      const ends = await kafka.lastStableOffsets(topic, wanted);
      const done: SkippedPartition[] = [];
      for (const p of wanted) {
        const next = stands.get(p);
        // A partition that nobody has read yet begins at its earliest offset anyway.
        if (next === undefined && partition === undefined) continue;
        if (next === undefined) throw nothingIngested(`${topic}, partition ${p}`);
        const log = { topic, partition: p, next, earliest: earliest.get(p) ?? 0n, end: ends.get(p) ?? 0n };
        done.push(await skipPartition(client, source, log, request));
      }
      return done;
    }),
  );
}

export const nothingIngested = (what: string): UsageError =>
  new UsageError(`topic ${what}: nothing was ingested yet; where ingestion begins is said by kafka.start`);

async function skipPartition(
  client: pg.ClientBase,
  { sourceId, incarnation }: { readonly sourceId: number; readonly incarnation: string },
  log: {
    readonly topic: string;
    readonly partition: number;
    readonly next: bigint;
    readonly earliest: bigint;
    readonly end: bigint;
  },
  { to: wanted, force }: SkipRequest,
): Promise<SkippedPartition> {
  const { topic, partition, next, earliest, end } = log;
  const gap = gapOf(log);
  if (next > end && gap !== undefined) throw new UsageError(gap);
  const to = wanted === 'earliest' ? earliest : wanted;
  const batchId = skipId(incarnation, partition, to);
  const before = (await skippedRanges(client, batchId))?.[0];
  const readable = to > next ? Number(to - (next > earliest ? next : earliest)) : 0;
  const answer = (
    outcome: SkippedPartition['outcome'],
    from: string,
    until: string,
    held: number,
  ): SkippedPartition => ({
    topic,
    partition,
    outcome,
    from,
    to: until,
    offsets: Number(BigInt(until) - BigInt(from)),
    readable: held,
    log: { earliest: earliest.toString(), end: end.toString() },
    ...(outcome !== 'nothing to skip' && { batchId }),
  });
  if (before !== undefined) return answer('skipped before', before.from, before.to, 0);
  if (to === next || (wanted === 'earliest' && to < next))
    return answer('nothing to skip', next.toString(), next.toString(), 0);
  if (to < next)
    throw new UsageError(
      `--to: the next offset of topic ${topic}, partition ${partition} is ${next} and never moves back, got ${to}`,
    );
  if (to > end)
    throw new UsageError(
      `--to: the log of topic ${topic}, partition ${partition} ends at ${end}: expected at most that, got ${to}`,
    );
  if (readable > 0 && !force)
    throw new UsageError(
      `--to ${to}: Kafka still holds ${offsets(readable)} of topic ${topic}, partition ${partition} before it ` +
        `(from ${next > earliest ? next : earliest}). ${next < earliest ? `\`${skipGapCommand(topic, partition)}\` goes on with them; ` : ''}--force skips them`,
    );
  const ranges = [{ partition, from: next.toString(), to: to.toString() }];
  await writeSkip(client, batchId, sourceId, ranges);
  await advanceOffsets(client, sourceId, ranges);
  return answer('skipped', next.toString(), to.toString(), Math.max(0, readable));
}
