/** The words that Temporal's web UI shows: references and counts, never a value of an event. */
import type {
  BatchRef,
  ConsumeBatchInput,
  Counts,
  Position,
  ReplayDeadLettersInput,
} from '../domain/stages.js';

/** `50000` → `50,000`; Intl is left out, its data may differ between workers. */
export const count = (n: number | bigint): string => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** `[0, 1, 2, 5]` → `0-2,5`. */
function partitionList(partitions: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const partition of [...partitions].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && partition === last[1] + 1) last[1] = partition;
    else runs.push([partition, partition]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** `batch 12 · clicks/0-3 · 50,000 records` */
export const batchSummary = (number: number, batch: BatchRef): string =>
  `batch ${count(number)} · ${batch.topic}/${partitionList(batch.ranges.map((range) => range.partition))} · ${count(batch.records)} records`;

/** What is about to be read. */
export function readSummary(number: number, input: ConsumeBatchInput): string {
  if (input.exact !== undefined) {
    const { ranges } = input.exact;
    const spans = ranges.map((range) => `${range.partition}:${range.from}..${range.to}`).slice(0, 4);
    return `batch ${count(number)} again · ${input.topic}/${spans.join(' ')}${ranges.length > 4 ? ' …' : ''}`;
  }
  const from = input.after === undefined ? 'from the stored offsets' : `after ${positionList(input.after)}`;
  return `batch ${count(number)} · ${input.topic}, shard ${input.shard} of ${input.shards} · ${from}`;
}

/** `page 3 · dead letters 2001 to 3000 · 1,000 of them` */
export const replaySummary = (number: number, { page }: ReplayDeadLettersInput): string =>
  page === undefined
    ? 'which dead letters there are'
    : `page ${count(number)} · dead letters above ${page.after} up to ${page.to} · ${count(page.letters)} of them`;

/** `2026-01-05 · day 4 of 31` */
export const daySummary = (
  { day, dryRun }: { readonly day: string; readonly dryRun?: boolean },
  where: { readonly number: number; readonly of: number },
): string =>
  `${day} · day ${count(where.number)} of ${count(where.of)}${dryRun === true ? ' · what would change' : ''}`;

const positionList = (positions: readonly Position[]): string =>
  positions
    .slice(0, 4)
    .map((position) => `${position.partition}:${position.offset}`)
    .join(' ') + (positions.length > 4 ? ' …' : '');

/** The equation as a short markdown table, what goes on now, and the last trouble. */
export function details(now: {
  readonly counts: Counts;
  readonly batches: number;
  readonly stage: string;
  readonly lag?: number | undefined;
  readonly lastError?: string | undefined;
}): string {
  const { records, persisted, duplicates, deadLetters, filtered } = now.counts;
  const cells = [records, persisted, duplicates, deadLetters, filtered, now.batches].map(count);
  const lag = now.lag === undefined ? '–' : count(now.lag);
  return [
    '| records | = clicks | + duplicates | + dead letters | + filtered | batches | lag |',
    '|--:|--:|--:|--:|--:|--:|--:|',
    `| ${[...cells, lag].join(' | ')} |`,
    '',
    now.stage,
    ...(now.lastError === undefined ? [] : ['', `Last trouble: ${now.lastError}`]),
  ].join('\n');
}
