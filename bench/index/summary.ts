import { median } from '../ingest/summary.js';
import type { IndexRun } from './worker.js';

export interface Round {
  readonly ours: IndexRun;
  /** Seconds of raw `_bulk`. */
  readonly raw: number;
}

export interface IndexSummary {
  readonly documents: number;
  readonly bytes: number;
  readonly rounds: number;
  readonly docs_per_s: number;
  readonly raw_docs_per_s: number;
  /** ours ÷ raw: 1 is as quick as Elasticsearch takes the same bytes. */
  readonly ratio_bulk: number;
  /** CPU of the worker for a document, µs; null where it cannot be seen. */
  readonly worker_us: number | null;
  readonly worker_rss_mb: number | null;
  /** (largest − smallest) ÷ median of the rounds' seconds. */
  readonly noise: Readonly<Record<keyof Round, number>>;
}

const round = (n: number, digits: number): number => Number(n.toFixed(digits));

export function summarize(documents: number, bytes: number, rounds: readonly Round[]): IndexSummary {
  const seconds = { ours: rounds.map(({ ours }) => ours.seconds), raw: rounds.map(({ raw }) => raw) };
  const spread = (of: readonly number[]): number =>
    round((Math.max(...of) - Math.min(...of)) / median(of), 2);
  const most = (of: readonly (number | null)[]): number | null =>
    of.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)));
  const peak = most(rounds.map(({ ours }) => ours.rssMb));
  const cpu = rounds.map(({ ours }) => ours.cpuUs ?? NaN);
  return {
    documents,
    bytes,
    rounds: rounds.length,
    docs_per_s: Math.round(documents / median(seconds.ours)),
    raw_docs_per_s: Math.round(documents / median(seconds.raw)),
    ratio_bulk: round(median(rounds.map(({ ours, raw }) => raw / ours.seconds)), 3),
    worker_us: cpu.some(Number.isNaN) ? null : round(median(cpu) / documents, 1),
    worker_rss_mb: peak === null ? null : Math.round(peak),
    noise: { ours: spread(seconds.ours), raw: spread(seconds.raw) },
  };
}

export function describeIndex(s: IndexSummary): string {
  const n = (value: number | null): string =>
    value === null ? 'not known on this system' : value.toLocaleString('en-US');
  const line = (what: string, value: string): string => `${what.padEnd(44)}${value}`;
  return [
    `${n(s.documents)} documents, ${n(s.bytes)} bytes of bulk bodies; ${s.rounds} rounds, interleaved; medians`,
    '',
    line('raw _bulk of the same bytes', `${n(s.raw_docs_per_s)} documents a second`),
    line('click_metrics → indexMetrics', `${n(s.docs_per_s)} documents a second`),
    line('ours ÷ raw (1: nothing is lost)', `${s.ratio_bulk}`),
    line("the worker's CPU for a document", `${n(s.worker_us)} µs`),
    line("the worker's peak memory", `${n(s.worker_rss_mb)} MB`),
    line(
      'spread between rounds',
      Object.entries(s.noise)
        .map(([what, part]) => `${what} ${Math.round(part * 100)} %`)
        .join(', '),
    ),
  ].join('\n');
}
