import type { IngestSummary } from './summary.js';

/** The result as people read it: who, how fast, and the ratios that count. */
export function describeSummary(s: IngestSummary): string {
  const n = (value: number): string => value.toLocaleString('en-US');
  const or = (value: number | null | undefined, unit: string): string =>
    value === null || value === undefined ? 'not known on this system' : `${value} ${unit}`;
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  const lines = [
    `${n(s.events)} events, 1 % of them twice, ${s.rounds} ${s.rounds === 1 ? 'round' : 'rounds'}; medians`,
    '',
    `ours                     ${n(s.events_per_s)} events/s`,
    `ours, no duplicates      ${n(s.events_per_s_unique)} events/s`,
    `COPY of CSV, 2 streams   ${n(s.csv_rows_per_s)} rows/s`,
    `binary COPY, 2 streams   ${n(s.binary_rows_per_s)} rows/s`,
    `  rows sorted as ours    ${n(s.sorted_rows_per_s)} rows/s`,
    `ours, just started       ${n(s.cold_events_per_s)} events/s`,
    `textbook                 ${n(s.textbook_events_per_s)} events/s`,
    '',
    `÷ COPY of CSV            ${s.ratio_csv}`,
    `÷ binary COPY            ${s.ratio_binary}`,
    `÷ binary COPY, sorted    ${s.ratio_sorted}`,
    `÷ textbook               ${s.ratio_textbook}`,
    `1 % duplicates ÷ none    ${s.duplicates_ratio}`,
    `peak memory of a worker  ${or(s.rss_mb, 'MB')}`,
    `CPU of Node              ${or(s.node_us_per_event, 'µs an event')}`,
    `CPU of PostgreSQL        ${or(s.postgres_us_per_event, 'µs an event')}` +
      ` (CSV ${or(s.csv_postgres_us_per_row, 'µs')}, binary ${or(s.binary_postgres_us_per_row, 'µs')})`,
    `spread between rounds    ours ${percent(s.noise.ours)}, CSV ${percent(s.noise.csv)}, binary ${percent(s.noise.binary)}`,
  ];
  const extra: [string, number | undefined][] = [
    ['with $geoip and $ua', s.enriched_events_per_s],
    ['two processes', s.two_processes_events_per_s],
    ['60 days in every batch', s.sixty_days_events_per_s],
    ['5,000,000 events', s.long_events_per_s],
  ];
  for (const [what, rate] of extra)
    if (rate !== undefined) lines.push(`${what.padEnd(25)}${n(rate)} events/s`);
  if (s.enriched_rss_mb !== undefined)
    lines.push(`${'  peak memory with them'.padEnd(25)}${or(s.enriched_rss_mb, 'MB')}`);
  if (s.long_events_per_s_by_million !== undefined)
    lines.push(
      `${'  by million, from 2nd'.padEnd(25)}${s.long_events_per_s_by_million.map(n).join(', ')}`,
      `${'  last million ÷ second'.padEnd(25)}${s.long_last_ratio}`,
    );
  return lines.join('\n');
}
