import type { Refused } from '../../clients/postgres/index/rejects.js';
import type { IndexReport, SkippedReport, StatusReport, WindowReport } from '../status/report.js';
import { grouped, humanTime } from './numbers.js';
import { printable, table } from './table.js';
import { cut } from './width.js';

const UNKNOWN = '?';
const number = (n: number | string | null): string => (n === null ? UNKNOWN : grouped(n));
const many = (n: number | null, one: string, more = `${one}s`): string =>
  `${number(n)} ${n === 1 ? one : more}`;
const right = (title: string) => ({ title, align: 'right' as const });
const indented = (text: string): string => text.replace(/^/gm, '  ');

const reasons = (by: Readonly<Record<string, number>>): string => {
  const said = Object.entries(by).map(([reason, n]) => `${reason} ${grouped(n)}`);
  return said.length === 0 ? '' : ` (${said.join(', ')})`;
};

/** What retention took, as far as it took anything. */
function retired(r: StatusReport): string {
  const parts = [
    ...(r.floor === null
      ? []
      : [`${many(r.frozen_clicks, 'click')} before ${r.floor.slice(0, 10)} in frozen figures alone`]),
    ...(r.expired_dead_letters ? [`${many(r.expired_dead_letters, 'dead letter')} removed`] : []),
  ];
  return parts.length === 0 ? '' : `\nretention: ${parts.join(', ')}`;
}

function account(r: StatusReport): string {
  const parts = [
    many(r.persisted, 'click'),
    many(r.duplicates, 'duplicate'),
    many(r.dead_letters, 'dead letter'),
    `${number(r.filtered)} filtered${reasons(r.filtered_by ?? {})}`,
  ];
  const mark = r.balanced === null ? '' : r.balanced ? '  ✔' : '  ✘ does not balance';
  return `${many(r.records, 'record')} = ${parts.join(' + ')}${mark}`;
}

function step(index: IndexReport): string {
  if (index.in_step === null)
    return index.figures === 0 && index.documents_clicks !== null ? 'none yet' : UNKNOWN;
  if (index.in_step) return 'in step';
  const reasons = [
    ...(index.behind ? [`${many(index.behind, 'figure')} behind`] : []),
    ...(index.rejected ? [`${grouped(index.rejected)} refused`] : []),
  ];
  const windows = many(index.windows_out_of_step, 'window');
  return reasons.join(', ') || (index.windows_out_of_step ? `${windows} out of step` : 'not as it must be');
}

/** Windows that are named per grain; the rest is counted, and --json has more. */
const NAMED = 3;

function windowLine(grain: string, w: WindowReport): string[] {
  const same = w.figures === w.documents && w.figures_clicks === w.documents_clicks;
  return [
    grain,
    w.window_start?.replace(/:\d\d(\.\d+)?Z$/, 'Z') ?? '',
    grouped(w.figures),
    grouped(w.documents),
    grouped(w.figures_clicks),
    grouped(w.documents_clicks),
    same ? 'documents of other versions' : '',
  ];
}

/** Where the index is not in step, and what puts it in step. */
function outOfStep(indices: readonly IndexReport[]): string | undefined {
  const off = indices.filter((one) => one.in_step === false);
  if (off.length === 0) return undefined;
  const rows = off.flatMap((one) => {
    const more = (one.windows_out_of_step ?? 0) - NAMED;
    const named = one.out_of_step.slice(0, NAMED).map((window) => windowLine(one.grain, window));
    return more > 0 ? [...named, [one.grain, `and ${many(more, 'more window')}`]] : named;
  });
  const columns = [
    { title: 'grain' },
    { title: 'window' },
    ...['figures', 'documents', 'clicks in figures', 'clicks in documents'].map((title) => right(title)),
    { title: '' },
  ];
  const problems = off.flatMap((one) => one.problem ?? []);
  const unexplained = off.filter((one) => one.problem === null && one.behind === 0 && one.rejected === 0);
  const advice = [
    ...problems,
    ...(off.some((one) => one.behind !== null && one.behind > 0)
      ? ['what is behind is sent by the next run']
      : []),
    ...(off.some((one) => one.rejected !== null && one.rejected > 0)
      ? ['what was refused is tried again by each run']
      : []),
    ...(unexplained.length > 0
      ? [
          'documents were changed by something else than runs: `clickstream verify` names them, ' +
            `\`clickstream reindex${unexplained.map((one) => ` --grain ${one.grain}`).join('')}\` writes them anew`,
        ]
      : []),
  ];
  return `Not in step\n${indented([...(rows.length > 0 ? [table(columns, rows)] : []), ...advice].join('\n'))}`;
}

/** How much of a text from outside a line shows; --json has all of it. */
const SHOWN = 160;
/** Refused documents that are shown; --json has more. */
const REFUSED = 3;

function refusal({ grain, window_start, url, country, id, status, reason }: Refused): string {
  const outside = (text: string): string => printable(cut(text, SHOWN));
  const figure = [grain, window_start, outside(country), outside(url)].filter((part) => part !== null);
  return `${figure.join(' ')} (id ${id})\n  ${status}: ${outside(reason)}`;
}

function skipped({ topic, offsets, made_again: again }: SkippedReport): string {
  const times = again === 0 ? '' : ` · made again ${many(again, 'time')}, what was lost then is unknown`;
  return `${topic}: ${many(offsets, 'offset')}${times}`;
}

/** The report for people. */
export function statusText(r: StatusReport): string {
  const blocks = [
    `${r.name}\n${indented(account(r))}\n` +
      indented(
        `${many(r.clicks, 'row')} in click_data · lag ${number(r.lag)} · ` +
          `${many(r.hours_waiting, 'hour')} waiting for aggregation${retired(r)}`,
      ),
  ];
  if (r.partitions.length > 0) {
    const rows = r.partitions.map((p) => {
      return [p.topic, String(p.partition), number(p.next_offset), number(p.end_offset), number(p.lag)];
    });
    const columns = [
      { title: 'topic' },
      right('partition'),
      right('persisted to'),
      right('end of log'),
      right('lag'),
    ];
    blocks.push(`Kafka\n${indented(table(columns, rows))}`);
  }
  if (r.gaps.length > 0) blocks.push(`Ingestion cannot go on\n${indented(r.gaps.join('\n'))}`);
  if (r.retrying.length > 0) blocks.push(`Tried again until it passes\n${indented(r.retrying.join('\n'))}`);
  if (r.skipped.length > 0)
    blocks.push(`Skipped by an operator\n${indented(r.skipped.map(skipped).join('\n'))}`);
  const grains = r.indices.map((i) => {
    return [i.grain, number(i.figures), number(i.figures_clicks), number(i.documents_clicks), step(i)];
  });
  const grainColumns = [
    { title: 'grain' },
    right('figures'),
    right('clicks in figures'),
    right('clicks in documents'),
    { title: 'index' },
  ];
  blocks.push(`Figures and index\n${indented(table(grainColumns, grains))}`);
  const off = outOfStep(r.indices);
  if (off !== undefined) blocks.push(off);
  if (r.refused.length > 0) {
    const all = r.indices.reduce((n, one) => n + (one.rejected ?? 0), 0);
    const more = all > REFUSED ? [`and ${grouped(all - REFUSED)} more`] : [];
    const lines = [...r.refused.slice(0, REFUSED).map(refusal), ...more];
    blocks.push(`Refused by Elasticsearch\n${indented(lines.join('\n'))}`);
  }
  if (r.runs.length > 0) {
    const rows = r.runs.map((run) => {
      const { hours, clicks, changed, vanished } = run;
      return [
        run.finishedAt,
        ...[hours, clicks, changed, vanished].map((n) => grouped(n)),
        humanTime(run.ms),
      ];
    });
    const columns = [
      { title: 'finished' },
      right('hours'),
      right('clicks read'),
      right('changed'),
      right('vanished'),
      right('took'),
    ];
    blocks.push(`Last aggregations\n${indented(table(columns, rows))}`);
  }
  if (r.missing.length > 0) blocks.push(`Missing\n${indented(r.missing.join('\n'))}`);
  if (r.unknown.length > 0) blocks.push(`Unknown (${UNKNOWN})\n${indented(r.unknown.join('\n'))}`);
  return blocks.join('\n\n');
}
