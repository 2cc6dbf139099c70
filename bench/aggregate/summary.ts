import { median } from '../ingest/summary.js';
import type { WholeRun } from './whole.js';

/** Seconds of one round. */
export interface Round {
  readonly textbook: number;
  readonly postgres: number;
  readonly full: number;
  readonly oneHour: number;
}

/** What the contestants did, all of which gave the same groups and figures. */
export interface Compared {
  /** Before the clock counted; the first of each contestant is what a Spark that has just started needs. */
  readonly warmUp: readonly Round[];
  readonly rounds: readonly Round[];
  readonly groups: number;
  readonly checksum: string;
}

export interface Whole {
  /** All hours into empty figures. */
  readonly all: WholeRun;
  /** One hour, again and again, with a day of figures and with thirty. */
  readonly oneDay: readonly WholeRun[];
  readonly thirtyDays: readonly WholeRun[];
  /** The peak of Spark's JVM, MB; null where it cannot be seen. */
  readonly sparkRssMb: number | null;
}

export interface AggregateSummary {
  readonly clicks: number;
  readonly hours: number;
  readonly groups: number;
  readonly checksum: string;
  readonly rounds: number;
  readonly warm_up_rounds: number;
  readonly full_s: number;
  readonly textbook_s: number;
  readonly postgres_s: number;
  readonly one_hour_s: number;
  /** ours ÷ textbook: below 1, ours is quicker. */
  readonly textbook_ratio: number;
  /** ours ÷ PostgreSQL's own GROUP BY: below 1, ours is quicker. */
  readonly postgres_ratio: number;
  /** one hour ÷ all hours, both ours. */
  readonly one_hour_ratio: number;
  /** One marked hour, the whole run: with 30 days of figures ÷ with one. */
  readonly history_ratio: number;
  /** The first run of each, warm-up included: Spark's come first after its start, and the textbook's first of all. */
  readonly cold_s: Readonly<Record<keyof Round, number>>;
  readonly whole_s: number;
  readonly whole_spark_s: number;
  readonly whole_merge_s: number;
  readonly whole_figures: number;
  readonly whole_one_hour_s: number;
  readonly whole_one_hour_spark_s: number;
  readonly whole_one_hour_merge_s: number;
  readonly spark_rss_mb: number | null;
  readonly worker_rss_mb: number | null;
  /** (largest − smallest) ÷ median of the rounds' seconds. */
  readonly noise: Readonly<Record<keyof Round, number>>;
}

const round = (n: number, digits: number): number => Number(n.toFixed(digits));

export function summarize(
  { clicks, hours }: { readonly clicks: number; readonly hours: number },
  { warmUp, rounds, groups, checksum }: Compared,
  { all, oneDay, thirtyDays, sparkRssMb }: Whole,
): AggregateSummary {
  const of = (which: keyof Round): number[] => rounds.map((one) => one[which]);
  const seconds = (which: keyof Round): number => round(median(of(which)), 2);
  const ratio = (which: keyof Round, other: keyof Round): number =>
    round(median(rounds.map((one) => one[which] / one[other])), 3);
  const spread = (which: keyof Round): number =>
    round((Math.max(...of(which)) - Math.min(...of(which))) / median(of(which)), 2);
  const each = (runs: readonly WholeRun[], what: 'seconds' | 'sparkSeconds' | 'mergeSeconds'): number =>
    median(runs.map((run) => run[what]));
  const first = (which: keyof Round): number => round((warmUp[0] ?? rounds[0])?.[which] ?? NaN, 2);
  const peaks = [all, ...oneDay, ...thirtyDays].map(({ rssMb }) => rssMb ?? NaN);
  const peak = Math.max(...peaks);
  return {
    clicks,
    hours,
    groups,
    checksum,
    rounds: rounds.length,
    warm_up_rounds: warmUp.length,
    full_s: seconds('full'),
    textbook_s: seconds('textbook'),
    postgres_s: seconds('postgres'),
    one_hour_s: seconds('oneHour'),
    textbook_ratio: ratio('full', 'textbook'),
    postgres_ratio: ratio('full', 'postgres'),
    one_hour_ratio: ratio('oneHour', 'full'),
    history_ratio: round(each(thirtyDays, 'seconds') / each(oneDay, 'seconds'), 2),
    whole_s: round(all.seconds, 2),
    whole_spark_s: round(all.sparkSeconds, 2),
    whole_merge_s: round(all.mergeSeconds, 2),
    whole_figures: all.changed,
    whole_one_hour_s: round(each(oneDay, 'seconds'), 3),
    whole_one_hour_spark_s: round(each(oneDay, 'sparkSeconds'), 3),
    whole_one_hour_merge_s: round(each(oneDay, 'mergeSeconds'), 3),
    cold_s: {
      textbook: first('textbook'),
      postgres: first('postgres'),
      full: first('full'),
      oneHour: first('oneHour'),
    },
    spark_rss_mb: sparkRssMb === null ? null : Math.round(sparkRssMb),
    worker_rss_mb: Number.isNaN(peak) ? null : Math.round(peak),
    noise: {
      textbook: spread('textbook'),
      postgres: spread('postgres'),
      full: spread('full'),
      oneHour: spread('oneHour'),
    },
  };
}

export function describeSummary(s: AggregateSummary): string {
  const n = (value: number): string => value.toLocaleString('en-US');
  const mb = (value: number | null): string =>
    value === null ? 'not known on this system' : `${n(value)} MB`;
  const line = (what: string, value: string): string => `${what.padEnd(40)}${value}`;
  return [
    `${n(s.clicks)} clicks, ${s.hours} hours, ${n(s.groups)} groups of hour × URL × country; medians of ${s.rounds} rounds`,
    'Hour figures, until the last group is at the client; every contestant gave the same groups and figures.',
    `Warm, as a worker and its Spark are: ${s.warm_up_rounds} rounds of every contestant came before and do not count.`,
    '',
    line('textbook Spark', `${s.textbook_s} s`),
    line("PostgreSQL's own GROUP BY", `${s.postgres_s} s`),
    line('ours, all hours', `${s.full_s} s`),
    line('ours, one marked hour', `${s.one_hour_s} s`),
    '',
    line('ours ÷ textbook (lower is better)', `${s.textbook_ratio}`),
    line('ours ÷ PostgreSQL (lower is better)', `${s.postgres_ratio}`),
    line('one hour ÷ all hours', `${s.one_hour_ratio}`),
    line(
      'the first runs of all, cold',
      listOf(s.cold_s, (part) => `${part} s`),
    ),
    '',
    line('whole run, all hours', `${s.whole_s} s: ${n(s.whole_figures)} figures`),
    line('  read, hours, roll-ups, COPY', `${s.whole_spark_s} s`),
    line('  merge, marks, commit', `${s.whole_merge_s} s`),
    line('whole run, one hour, a day of figures', `${s.whole_one_hour_s} s`),
    line('  read, hours, roll-ups, COPY', `${s.whole_one_hour_spark_s} s`),
    line('  merge, marks, commit', `${s.whole_one_hour_merge_s} s`),
    line('the same, 30 days of figures ÷ one day', `${s.history_ratio}`),
    line('peak memory', `Spark's JVM ${mb(s.spark_rss_mb)}, worker ${mb(s.worker_rss_mb)}`),
    line(
      'spread between rounds',
      listOf(s.noise, (part) => `${Math.round(part * 100)} %`),
    ),
  ].join('\n');
}

const listOf = (values: Readonly<Record<string, number>>, text: (value: number) => string): string =>
  Object.entries(values)
    .map(([what, value]) => `${what} ${text(value)}`)
    .join(', ');
