import type { AnalyzeResult } from '../../domain/stages.js';

const many = (n: number, one: string): string => `${n.toLocaleString('en-US')} ${one}${n === 1 ? '' : 's'}`;

/** What a run retired and what it could not, on a line of its own; empty when there is nothing to say. */
export function retentionText({ retention, retentionError }: AnalyzeResult): string {
  if (retentionError !== undefined) return `\nretention: not applied, ${retentionError}`;
  if (retention === undefined) return '';
  const { days, clicks, deadLetters, daysLeft, held, floor } = retention;
  const parts = [
    ...(days > 0
      ? [
          `${many(days, 'day')} with ${many(clicks, 'click')} dropped, kept from ${floor?.slice(0, 10) ?? '?'} on`,
        ]
      : []),
    ...(deadLetters > 0 ? [`${many(deadLetters, 'dead letter')} removed`] : []),
    ...(daysLeft > 0 ? [`${many(daysLeft, 'day')} left: ${held ?? 'the next run goes on'}`] : []),
  ];
  return parts.length === 0 ? '' : `\nretention: ${parts.join('; ')}`;
}
