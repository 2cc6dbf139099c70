import { median } from '../ingest/summary.js';

export interface QueryTimes {
  readonly name: string;
  readonly p50_ms: number;
  readonly p95_ms: number;
}

export interface SearchSummary {
  /** Documents of the hours, and of all grains. */
  readonly hour_documents: number;
  readonly documents: number;
  readonly rounds: number;
  /** Each as the page asks it, from the request until the whole answer is there. */
  readonly queries: readonly QueryTimes[];
  readonly csv_rows_per_s: number;
  /** From opening the page in a browser that has never seen it until its totals, or all of it, are painted. */
  readonly first_totals_ms: number;
  readonly first_all_ms: number;
  /** The page's files and first answers, not compressed. */
  readonly page_bytes: number;
}

const tenth = (value: number): number => Math.round(value * 10) / 10;

/** The nearest rank: a value that was measured. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? NaN;
}

export const timesOf = (name: string, values: readonly number[]): QueryTimes => ({
  name,
  p50_ms: tenth(median(values)),
  p95_ms: tenth(percentile(values, 95)),
});

export function describeSearch(s: SearchSummary): string {
  const n = (value: number): string => value.toLocaleString('en-US');
  const line = (what: string, p50: string, p95: string): string =>
    `${what.padEnd(52)}${p50.padStart(10)}${p95.padStart(10)}`;
  return [
    `${n(s.documents)} documents, ${n(s.hour_documents)} of them hours; ${s.rounds} rounds, interleaved`,
    '',
    line('ms', 'p50', 'p95'),
    ...s.queries.map(({ name, p50_ms, p95_ms }) => line(name, n(p50_ms), n(p95_ms))),
    '',
    `CSV export  ${n(s.csv_rows_per_s)} rows a second`,
    `the page    totals after ${n(s.first_totals_ms)} ms, all of it after ${n(s.first_all_ms)} ms; ${n(s.page_bytes)} bytes`,
  ].join('\n');
}
