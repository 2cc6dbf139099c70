import type pg from 'pg';
import { limitWaits, lockOffsets } from '../../clients/postgres/ingest.js';
import {
  addSource,
  asPositions,
  isIncarnation,
  latestSource,
  lockSources,
  nextOffsets,
  startOffsets,
  type Source,
} from '../../clients/postgres/offsets.js';
import { inTransaction, withClient } from '../../clients/postgres/pool.js';
import { countIncarnations, giveUpId, skippedRanges, writeSkip } from '../../clients/postgres/skip.js';
import { UsageError } from '../../domain/errors.js';
import type { Position } from '../../domain/stages.js';
import { LOCK_MS, nothingIngested, type SkipClients } from './skip.js';

export interface MadeAgainReport {
  readonly topic: string;
  readonly outcome: 'begun' | 'begun before';
  /** Last stored offsets of the former source: what it held beyond them is gone. */
  readonly stored: readonly Position[];
  readonly source: number;
  /** Where the new source begins (`begun`), or stands (`begun before`). */
  readonly next: readonly Position[];
}

/**
 * Takes a topic that was made again as a new source that begins at its earliest offsets. Where Kafka shows the former
 * id but a log that ends before the stored offsets (it was lost, or the brokers tell no ids), the partitions that
 * lost nothing go on where they stand, the others begin at their earliest. Given again it changes nothing.
 * @throws UsageError: the log is the one that is ingested
 */
export async function beginAgain({ postgres, kafka }: SkipClients, topic: string): Promise<MadeAgainReport> {
  const { incarnation, partitions } = await kafka.describe(topic);
  const earliest = await kafka.earliestOffsets(topic, partitions);
  return withClient(postgres, `${postgres.name}:skip`, (client) =>
    inTransaction(client, async () => {
      await limitWaits(client, LOCK_MS, 2 * LOCK_MS);
      await lockSources(client);
      const former = await latestSource(client, topic);
      if (former === undefined) throw nothingIngested(topic);
      const begins = new Map(earliest);
      let next = incarnation;
      let stands = await nextOffsets(client, former.sourceId);
      if (isIncarnation(former.incarnation, incarnation)) {
        // A batch that is being persisted may still move them: Kafka is asked for the ends when none can any more.
        await lockOffsets(client, former.sourceId, [...stands.keys()]);
        stands = await nextOffsets(client, former.sourceId);
        const ends = await kafka.lastStableOffsets(topic, partitions);
        const whole = [...stands].filter(([partition, offset]) => offset <= (ends.get(partition) ?? 0n));
        if (whole.length === stands.size) return alreadyBegun(client, topic, former, stands);
        for (const [partition, offset] of whole) begins.set(partition, offset);
        next = `${incarnation}#${(await countIncarnations(client, topic, incarnation)) + 1}`;
      }
      const { sourceId } = await addSource(client, topic, next);
      await startOffsets(client, sourceId, begins);
      await writeSkip(client, giveUpId(former.incarnation), former.sourceId, []);
      return {
        topic,
        outcome: 'begun' as const,
        stored: asPositions(stands),
        source: sourceId,
        next: asPositions(begins),
      };
    }),
  );
}

async function alreadyBegun(
  client: pg.ClientBase,
  topic: string,
  { sourceId }: Source,
  stands: ReadonlyMap<number, bigint>,
): Promise<MadeAgainReport> {
  const before = await latestSource(client, topic, sourceId);
  if (before === undefined || (await skippedRanges(client, giveUpId(before.incarnation))) === undefined)
    throw new UsageError(
      `--made-again: topic ${topic} is the one that is ingested, and its log holds the next offsets`,
    );
  return {
    topic,
    outcome: 'begun before',
    stored: asPositions(await nextOffsets(client, before.sourceId)),
    source: sourceId,
    next: asPositions(stands),
  };
}
