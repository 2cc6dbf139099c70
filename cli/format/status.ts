import type { IndexReport, SkippedReport, StatusReport } from '../status/report.js';
import { grouped, humanTime } from './numbers.js';
import { table } from './table.js';

const UNKNOWN = '?';
const number = (n: number | string | null): string => (n === null ? UNKNOWN : grouped(n));
const many = (n: number | null, one: string, more = `${one}s`): string =>
  `${number(n)} ${n === 1 ? one : more}`;
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
  return reasons.join(', ') || 'clicks differ';
}

function skipped({ topic, offsets, made_again: again }: SkippedReport): string {
  const times = again === 0 ? '' : ` · made again ${many(again, 'time')}, what was lost then is unknown`;
  return `${topic}: ${many(offsets, 'offset')}${times}`;
}

const right = (title: string) => ({ title, align: 'right' as const });

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
