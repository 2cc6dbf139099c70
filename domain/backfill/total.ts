/** What a backfill's runs of days come to. */
import type { AggregationResult } from '../stages.js';
import { dayAfter } from './range.js';
import type { BackfillTotal, FailedDays } from './result.js';

/** Temporal carries the answer: of more days than these, the numbers alone are told. */
const MAX_LISTED = 400;
const MAX_FAILED = 100;
/** Of a reason, which may hold a server's whole stack. */
const MAX_REASON = 300;

export const NOTHING_DONE: BackfillTotal = {
  days: 0,
  failedDays: 0,
  hours: 0,
  clicks: 0,
  changed: 0,
  vanished: 0,
  unchanged: 0,
  ms: 0,
  failed: [],
  changedDays: [],
};

export function addDay(total: BackfillTotal, day: string, run: AggregationResult): BackfillTotal {
  const { changed, vanished } = run;
  const version = run.version ?? total.version;
  const listed = changed > 0 && total.changedDays.length < MAX_LISTED;
  return {
    ...total,
    days: total.days + 1,
    hours: total.hours + run.hours,
    clicks: total.clicks + run.clicks,
    changed: total.changed + changed,
    vanished: total.vanished + vanished,
    unchanged: total.unchanged + run.unchanged,
    ms: total.ms + run.ms,
    ...(version !== undefined && { version }),
    changedDays: listed ? [...total.changedDays, { day, changed, vanished }] : total.changedDays,
  };
}

export function addFailure(total: BackfillTotal, day: string, reason: string): BackfillTotal {
  const short = reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason;
  return {
    ...total,
    failedDays: total.failedDays + 1,
    failed: withDay(total.failed, { from: day, to: dayAfter(day), reason: short }),
  };
}

/** Days that follow each other and failed alike are one entry. */
function withDay(failed: readonly FailedDays[], day: FailedDays): readonly FailedDays[] {
  const last = failed[failed.length - 1];
  if (last?.to === day.from && last.reason === day.reason)
    return [...failed.slice(0, -1), { ...last, to: day.to }];
  return failed.length < MAX_FAILED ? [...failed, day] : failed;
}
