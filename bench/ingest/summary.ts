/** From runs to ratios and the lines that people read. Only runs of one round are compared with each other. */
import { rate, type Run } from './bench.js';
import type { OurRun } from './ours.js';

export interface Round {
  readonly ours: OurRun;
  /** The same events without duplicates. */
  readonly unique: OurRun;
  readonly csv: Run;
  readonly binary: Run;
  /** Binary, in the order in which ours go in. */
  readonly sorted: Run;
}

/** Runs beside the rounds; each is compared with the median of the rounds. */
export interface Extras {
  /** Workers that have just started, all events. */
  readonly cold: OurRun;
  readonly textbook: Run;
  readonly enriched?: OurRun;
  readonly twoProcesses?: OurRun;
  readonly manyDays?: OurRun;
  readonly long?: { readonly run: OurRun; readonly perMillion: readonly number[] };
}

export interface IngestSummary {
  readonly events: number;
  readonly rounds: number;
  readonly events_per_s: number;
  readonly events_per_s_unique: number;
  readonly csv_rows_per_s: number;
  readonly binary_rows_per_s: number;
  readonly sorted_rows_per_s: number;
  readonly textbook_events_per_s: number;
  /** From the first event of workers that have just started. */
  readonly cold_events_per_s: number;
  readonly ratio_csv: number;
  readonly ratio_binary: number;
  readonly ratio_sorted: number;
  readonly ratio_textbook: number;
  /** With duplicates ÷ without. */
  readonly duplicates_ratio: number;
  /** The largest peak of the rounds, MB; null where /proc does not tell. */
  readonly rss_mb: number | null;
  readonly node_us_per_event: number | null;
  readonly postgres_us_per_event: number | null;
  readonly csv_postgres_us_per_row: number | null;
  readonly binary_postgres_us_per_row: number | null;
  /** (largest − smallest) ÷ median of the rounds' rates: how far to trust the rest. */
  readonly noise: {
    readonly ours: number;
    readonly unique: number;
    readonly csv: number;
    readonly binary: number;
  };
  readonly enriched_events_per_s?: number;
  readonly enriched_node_us_per_event?: number | null;
  readonly enriched_rss_mb?: number | null;
  readonly two_processes_events_per_s?: number;
  readonly sixty_days_events_per_s?: number;
  readonly long_events_per_s?: number;
  readonly long_events_per_s_by_million?: readonly number[];
  /** The last million's rate ÷ the first's of these: whether it holds as tables grow. */
  readonly long_last_ratio?: number;
  readonly long_rss_mb?: number | null;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? NaN) + high) / 2;
}

const spread = (numbers: readonly number[]): number =>
  round2((Math.max(...numbers) - Math.min(...numbers)) / median(numbers));
const round2 = (n: number): number => Math.round(n * 100) / 100;
const known = (numbers: readonly (number | undefined)[]): number | null =>
  numbers.some((n) => n === undefined) ? null : round2(median(numbers.map((n) => n ?? NaN)));
const mb = (numbers: readonly (number | undefined)[]): number | null =>
  numbers.some((n) => n === undefined) ? null : Math.round(Math.max(...numbers.map((n) => n ?? NaN)));

export function summarize(rounds: readonly Round[], extras: Extras): IngestSummary {
  const rates = (which: keyof Round): number[] => rounds.map((round) => rate(round[which]));
  const against = (which: keyof Round, other: keyof Round): number =>
    round2(median(rounds.map((round) => rate(round[which]) / rate(round[other]))));
  const whole = (numbers: readonly number[]): number => Math.round(median(numbers));
  const { cold, textbook, enriched, twoProcesses, manyDays, long } = extras;
  return {
    events: rounds[0]?.ours.events ?? 0,
    rounds: rounds.length,
    events_per_s: whole(rates('ours')),
    events_per_s_unique: whole(rates('unique')),
    csv_rows_per_s: whole(rates('csv')),
    binary_rows_per_s: whole(rates('binary')),
    sorted_rows_per_s: whole(rates('sorted')),
    textbook_events_per_s: Math.round(rate(textbook)),
    cold_events_per_s: Math.round(rate(cold)),
    ratio_csv: against('ours', 'csv'),
    ratio_binary: against('ours', 'binary'),
    ratio_sorted: against('ours', 'sorted'),
    ratio_textbook: round2(median(rates('ours')) / rate(textbook)),
    duplicates_ratio: against('ours', 'unique'),
    rss_mb: mb(rounds.map(({ ours }) => ours.rssMb)),
    node_us_per_event: known(rounds.map(({ ours }) => ours.nodeUs)),
    postgres_us_per_event: known(rounds.map(({ ours }) => ours.postgresUs)),
    csv_postgres_us_per_row: known(rounds.map(({ csv }) => csv.postgresUs)),
    binary_postgres_us_per_row: known(rounds.map(({ binary }) => binary.postgresUs)),
    noise: {
      ours: spread(rates('ours')),
      unique: spread(rates('unique')),
      csv: spread(rates('csv')),
      binary: spread(rates('binary')),
    },
    ...(enriched && {
      enriched_events_per_s: Math.round(rate(enriched)),
      enriched_node_us_per_event: known([enriched.nodeUs]),
      enriched_rss_mb: mb([enriched.rssMb]),
    }),
    ...(twoProcesses && { two_processes_events_per_s: Math.round(rate(twoProcesses)) }),
    ...(manyDays && { sixty_days_events_per_s: Math.round(rate(manyDays)) }),
    ...(long && {
      long_events_per_s: Math.round(rate(long.run)),
      long_events_per_s_by_million: long.perMillion.map(Math.round),
      long_last_ratio: round2((long.perMillion.at(-1) ?? NaN) / (long.perMillion[0] ?? NaN)),
      long_rss_mb: mb([long.run.rssMb]),
    }),
  };
}

export const describeRun = (what: string, run: Run): string => {
  const us = (n: number | undefined): string => (n === undefined ? '–' : n.toFixed(1));
  const { nodeUs, postgresUs } = run;
  const rss = 'rssMb' in run && typeof run.rssMb === 'number' ? `, peak ${Math.round(run.rssMb)} MB` : '';
  return (
    `${what}: ${Math.round(rate(run)).toLocaleString('en-US')} events/s` +
    ` (${run.seconds.toFixed(2)} s; CPU µs per event: Node ${us(nodeUs)}, PostgreSQL ${us(postgresUs)}${rss})`
  );
};
