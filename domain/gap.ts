/**
 * The words for a log that does not hold what comes next, each with the command by which an operator goes on:
 * workflows fail with them, `status` shows them. Offsets, not records, are counted: what a lost offset held
 * (a record, or the mark of a transaction) nobody can know any more.
 */

/** Where a partition is to be read on, and what its log holds: `earliest` inclusive, `end` exclusive. */
export interface PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
  readonly earliest: bigint;
  readonly end: bigint;
}

/** Going on with what the log still holds. Without a partition: of all that have a gap. */
export const skipGapCommand = (topic: string, partition?: number): string =>
  `npx clickstream ingest skip --topic ${topic}${partition === undefined ? '' : ` --partition ${partition}`} --to earliest`;

/** Going on with a topic (or a log) that took the place of the former one. */
const madeAgainCommand = (topic: string): string =>
  `npx clickstream ingest skip --topic ${topic} --made-again`;

export const offsets = (n: bigint | number): string => `${n} ${BigInt(n) === 1n ? 'offset' : 'offsets'}`;

/** Why these partitions cannot be read on, and what to do; undefined: the log holds what comes next. */
export function gapOf(log: PartitionLog): string | undefined {
  const { topic, partition, next, earliest, end } = log;
  const where = `topic ${topic}, partition ${partition}: the next offset is ${next}, the log holds ${earliest} to ${end}`;
  if (next < earliest)
    return (
      `${where}: ${offsets(earliest - next)} ${earliest - next === 1n ? 'is' : 'are'} gone (retention passed them). ` +
      `To go on with what is there: ${skipGapCommand(topic, partition)}`
    );
  if (next > end)
    return (
      `${where}: it ends ${offsets(next - end)} before it (was the topic made again, or the log lost?). ` +
      `To go on with the log as a new one: ${madeAgainCommand(topic)}`
    );
  return undefined;
}

/** `stored`: the next offsets of the former incarnation, `partition:offset`. */
export const madeAgain = (
  topic: string,
  before: string,
  now: string,
  stored: readonly { readonly partition: number; readonly offset: string }[] = [],
): string =>
  `topic ${topic} was made again (id ${before}, now ${now}): what the former one still held beyond the stored offsets` +
  (stored.length === 0 ? '' : ` (${listed(stored)})`) +
  ` is gone, and how much that was cannot be known. To go on with the new one: ${madeAgainCommand(topic)}`;

/** Of a topic that records were ingested from; nobody is told of one that never was. */
export const topicGone = (topic: string): string =>
  `the topic ${topic}, which records were ingested from, is no longer in Kafka: take it out of kafka.topics, or make ` +
  `it again and run \`${madeAgainCommand(topic)}\``;

/** The first of them, as `0:17 1:23`. */
export const listed = (
  positions: readonly { readonly partition: number; readonly offset: string }[],
): string =>
  positions
    .slice(0, 8)
    .map(({ partition, offset }) => `${partition}:${offset}`)
    .join(' ') + (positions.length > 8 ? ' …' : '');
