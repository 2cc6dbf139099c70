import type { Grain } from '../../../domain/names.js';
import { DAY_MS, utcDay, utcMonth } from './windows.js';

/** Stored figures of one grain whose windows begin in [from, to), ms since 1970; an open end is ±Infinity. */
export interface Cover {
  readonly grain: Exclude<Grain, 'total'>;
  readonly from: number;
  readonly to: number;
}

const dayAtOrAfter = (ms: number): number => -utcDay(-ms);
const monthAtOrBefore = (ms: number): number => (Number.isFinite(ms) ? utcMonth(ms) : ms);
const monthAtOrAfter = (ms: number): number => {
  const month = monthAtOrBefore(ms);
  return month === ms ? ms : utcMonth(month + 32 * DAY_MS);
};

/**
 * The fewest windows that make up [from, to): whole months, whole days around them, hours at the ends.
 * @param from,to whole hours in ms since 1970, from < to; ±Infinity where the range is open
 */
export function coverRange(from: number, to: number): Cover[] {
  const parts: Cover[] = [];
  const add = (grain: Cover['grain'], start: number, end: number): void => {
    if (start < end) parts.push({ grain, from: start, to: end });
  };
  const [firstDay, endDay] = [dayAtOrAfter(from), utcDay(to)];
  if (firstDay >= endDay) {
    add('hour', from, to);
    return parts;
  }
  add('hour', from, firstDay);
  const [firstMonth, endMonth] = [monthAtOrAfter(firstDay), monthAtOrBefore(endDay)];
  if (firstMonth >= endMonth) add('day', firstDay, endDay);
  else {
    add('day', firstDay, firstMonth);
    add('month', firstMonth, endMonth);
    add('day', endMonth, endDay);
  }
  add('hour', endDay, to);
  return parts;
}
