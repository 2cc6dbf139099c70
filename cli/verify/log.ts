import type pg from 'pg';
import type { KafkaClient } from '../../clients/kafka/client.js';
import { kafkaErrorType } from '../../clients/kafka/errors.js';
import type { Check } from '../../clients/postgres/verify/check.js';
import { isIncarnation } from '../../clients/postgres/offsets.js';
import {
  ledgerRecords,
  skippedRangesOf,
  storedOffsets,
  storedPartitions,
  type SkippedRange,
  type StoredPartition,
} from '../../clients/postgres/verify/sources.js';

const MAX_BYTES = 8 * 1024 * 1024;
const MAX_WAIT_MS = 1000;

/** Walks a partition's committed records and meets each stored offset in order. */
async function walk(
  kafka: KafkaClient,
  stored: StoredPartition,
  from: bigint,
  offsets: AsyncGenerator<Float64Array, undefined>,
  skipped: readonly SkippedRange[],
  signal: AbortSignal,
): Promise<{ records: number; missing: number }> {
  let [at, records, missing] = [from, 0, 0];
  let part: Float64Array = new Float64Array();
  let met = 0;
  /** The next stored offset; Infinity: that was the last. */
  const next = async (): Promise<number> => {
    while (met === part.length) {
      const { value } = await offsets.next();
      if (value === undefined) return Infinity;
      [part, met] = [value, 0];
    }
    return part[met] ?? Infinity;
  };
  while (at < stored.next) {
    signal.throwIfAborted();
    const [fetched] = await kafka.fetch(stored.topic, new Map([[stored.partition, at]]), {
      maxWaitMs: MAX_WAIT_MS,
      maxBytes: MAX_BYTES,
      lane: 'verify',
      signal,
    });
    if (fetched === undefined) break;
    const before = at;
    for (const item of fetched.items) {
      if ('next' in item) {
        at = item.next;
        continue;
      }
      if (item.offset >= stored.next) {
        at = stored.next;
        break;
      }
      if (!skipped.some(({ from: lo, to }) => item.offset >= lo && item.offset < to)) records += 1;
      const offset = Number(item.offset);
      for (; (await next()) < offset; met += 1) missing += 1;
      if (part[met] === offset) met += 1;
      if (item.offset >= at) at = item.offset + 1n;
    }
    if (at === before) break;
  }
  for (; (await next()) < Infinity; met += 1) missing += 1;
  return { records, missing };
}

/** A topic that was deleted, or is not made yet, is no reason to check nothing else. */
async function describeIfThere(kafka: KafkaClient, topic: string, signal: AbortSignal) {
  try {
    return await kafka.describe(topic, signal);
  } catch (e) {
    if (kafkaErrorType(e) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw e;
  }
}

/**
 * The log against the tables, where it still holds what they say; and how much it holds beyond them. Needs a
 * transaction of `client`.
 */
export async function checkLog(
  client: pg.ClientBase,
  kafka: KafkaClient,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<{ checks: Check[]; lag: number }> {
  const stored = await storedPartitions(client);
  const checks: Check[] = [];
  let lag = 0;
  for (const topic of topics) {
    const description = await describeIfThere(kafka, topic, signal);
    if (description === undefined) {
      checks.push({
        name: `what the tables hold stands in the log of ${topic}`,
        ok: true,
        detail: 'Kafka has no such topic: nothing to compare with',
      });
      continue;
    }
    const ends = await kafka.lastStableOffsets(topic, description.partitions, signal);
    const begins = await kafka.earliestOffsets(topic, description.partitions, signal);
    const latest = stored.findLast((part) => part.topic === topic)?.sourceId;
    const present = stored.filter(
      (part) => part.sourceId === latest && isIncarnation(part.incarnation, description.incarnation),
    );
    for (const partition of description.partitions) {
      const end = ends.get(partition) ?? 0n;
      const known = present.find((part) => part.partition === partition);
      const next = known?.next ?? begins.get(partition) ?? 0n;
      if (end > next) lag += Number(end - next);
    }
    const [first] = present;
    if (first === undefined) continue;
    let [records, missing, whole] = [0, 0, true];
    const skips = await skippedRangesOf(client, first.sourceId);
    for (const part of present) {
      const begin = begins.get(part.partition) ?? 0n;
      const from = begin > part.start ? begin : part.start;
      if (from !== part.start) whole = false;
      const skipped = skips.filter(({ partition }) => partition === part.partition);
      const offsets = storedOffsets(client, part, from);
      const walked = await walk(kafka, part, from, offsets, skipped, signal);
      records += walked.records;
      missing += walked.missing;
    }
    const ledger = whole ? await ledgerRecords(client, first.sourceId) : undefined;
    const counted = ledger === undefined || ledger === BigInt(records);
    checks.push({
      name: `what the tables hold stands in the log of ${topic}`,
      ok: missing === 0 && counted,
      detail:
        (missing > 0 ? `${missing} rows without a record; ` : '') +
        (ledger === undefined
          ? `${records} records compared; the log no longer begins where ingestion did`
          : `records in the log ${records} ${counted ? '=' : '≠'} in the ledger ${String(ledger)}`),
    });
  }
  return { checks, lag };
}
