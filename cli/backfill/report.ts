/** A backfill's outcome on the command line. */
import { rangeText } from '../../domain/backfill/range.js';
import type { BackfillProgress, BackfillResult, FailedDays } from '../../domain/backfill/result.js';
import { counted, grouped, humanTime } from '../format/numbers.js';
import { table } from '../format/table.js';

/** The days that would change, then the sum; or what changed, and what is to be done about the rest. */
export function resultText(result: BackfillResult): string {
  const { days, changed, vanished, clicks, ms, range, dryRun } = result;
  if (days + result.failedDays + result.daysLeft === 0)
    return `no day to compute: ${rangeText(range)} has neither clicks nor figures`;
  const figures = `${counted(changed, 'figure')}${vanished === 0 ? '' : ` (${grouped(vanished)} of them vanish${dryRun ? '' : 'ed'})`}`;
  const from = `${counted(clicks, 'click')} of ${counted(days, 'day')}  in ${humanTime(ms)}`;
  return [
    ...(dryRun && changed > 0 ? [dayTable(result)] : []),
    `${figures} ${dryRun ? 'would change' : 'changed'}, computed from ${from}`,
    ...frozenLines(result),
    ...indexLines(result),
    ...failureLines(result),
  ].join('\n');
}

function dayTable({ changedDays, changed }: BackfillResult): string {
  const listed = changedDays.reduce((sum, day) => sum + day.changed, 0);
  const rows = changedDays.map((day) => [day.day, grouped(day.changed), grouped(day.vanished)]);
  if (listed < changed) rows.push(['later days', grouped(changed - listed), '']);
  return table(
    [
      { title: 'day' },
      { title: 'figures that would change', align: 'right' },
      { title: 'of them vanish', align: 'right' },
    ],
    rows,
  );
}

const frozenLines = ({ floor }: BackfillResult): string[] =>
  floor === undefined
    ? []
    : [`days before ${floor}, the floor of retention, are frozen and stay as they are`];

function indexLines({ index, indexError }: BackfillResult): string[] {
  if (index !== undefined)
    return [
      `${counted(index.indexed, 'document')} written${index.rejected === 0 ? '' : `, ${grouped(index.rejected)} rejected`}`,
    ];
  return indexError === undefined ? [] : [`index behind: ${indexError}; the next run catches up`];
}

/** Each group of failed days, with the command that does it again. */
function failureLines({ failed, failedDays, daysLeft, stopped, dryRun }: BackfillResult): string[] {
  const again = ({ from, to }: FailedDays): string =>
    `npx clickstream backfill --from ${from} --to ${to}${dryRun ? ' --dry-run' : ''}`;
  return [
    ...(failedDays === 0 ? [] : [`${counted(failedDays, 'day')} failed:`]),
    ...failed.map((days) => `  ${rangeText(days)}: ${days.reason}\n    again: ${again(days)}`),
    ...(stopped === undefined ? [] : [`stopped with ${counted(daysLeft, 'day')} left: ${stopped}`]),
  ];
}

/** One line of how far it is. */
export function progressText(now: BackfillProgress | undefined): string {
  if (now === undefined) return 'no worker answers where it stands';
  return (
    `${counted(now.days, 'day')} done, ${grouped(now.daysLeft)} left` +
    `${now.failedDays === 0 ? '' : `, ${grouped(now.failedDays)} failed`}; ` +
    `${counted(now.changed, 'figure')} ${now.dryRun ? 'would change' : 'changed'}`
  );
}

/** Whole days, the last one included, for a caller who asked for parts of days. */
export const roundedText = (range: { readonly from?: string; readonly to?: string }): string =>
  `whole UTC days: ${rangeText(range)}`;
