/** The words of a backfill in Temporal's web UI: days and counts. */
import { rangeText } from '../domain/backfill/range.js';
import type { BackfillProgress, BackfillResult, FailedDays } from '../domain/backfill/result.js';
import { count } from './words.js';

/** Failed days that a sentence names. */
const NAMED = 10;

/** `2026-01-05 · 3 days done, 27 left · 1,204 figures changed · 18,000 clicks a second` */
export function backfillStage(now: BackfillProgress): string {
  const parts = [
    now.stage === 'computing' && now.day !== undefined ? `computing ${now.day}` : now.stage,
    `${count(now.days)} ${now.days === 1 ? 'day' : 'days'} done, ${count(now.daysLeft)} left${now.failedDays === 0 ? '' : `, ${count(now.failedDays)} failed`}`,
    `${count(now.changed)} figures ${now.dryRun ? 'would change' : 'changed'}`,
    ...(now.clicksPerSecond === 0 ? [] : [`${count(now.clicksPerSecond)} clicks a second`]),
    ...(now.paused && now.stage !== 'paused' ? ['pausing after this day'] : []),
  ];
  return parts.join(' · ');
}

export function backfillDetails(now: BackfillProgress): string {
  const cells = [
    now.days,
    now.daysLeft,
    now.failedDays,
    now.clicks,
    now.changed,
    now.vanished,
    now.unchanged,
  ];
  return [
    `| days done | left | failed | clicks read | figures ${now.dryRun ? 'that would change' : 'changed'} | vanished | unchanged | clicks a second |`,
    '|--:|--:|--:|--:|--:|--:|--:|--:|',
    `| ${[...cells, now.clicksPerSecond].map(count).join(' | ')} |`,
    '',
    `${rangeText(now.range)}${now.dryRun ? ', a dry run: nothing is kept' : ''}`,
    '',
    backfillStage(now),
    ...(now.failedDays === 0 ? [] : ['', `Failed: ${failedText(now.failed)}`]),
  ].join('\n');
}

/** `2026-01-03, 2026-01-05 to 2026-01-07 (reason); …` */
export function failedText(failed: readonly FailedDays[]): string {
  const named = failed.slice(0, NAMED).map((days) => `${rangeText(days)} (${days.reason})`);
  return named.join('; ') + (failed.length > NAMED ? '; …' : '');
}

/** Why a backfill has not done all of its days. */
export function incompleteText(result: BackfillResult): string {
  const { days, failedDays, daysLeft, stopped } = result;
  const failed =
    failedDays === 0
      ? []
      : [
          `${count(failedDays)} of ${count(days + failedDays + daysLeft)} days failed: ${failedText(result.failed)}`,
        ];
  const rest = stopped === undefined ? [] : [`stopped with ${count(daysLeft)} days left: ${stopped}`];
  return `backfill: ${[...failed, ...rest].join('; ')}`;
}
