/** What the workflow `backfill` is told and tells. Days are UTC days, `2026-01-05`. */
import type { IndexResult } from '../stages.js';
import type { DayRange, DaySpan } from './range.js';

export interface BackfillInput {
  /** Date or time, inclusive; absent: from the floor of retention on. */
  readonly from?: string;
  /** Exclusive; absent: to the newest day. */
  readonly to?: string;
  /** Count what would change, and change nothing. */
  readonly dryRun?: boolean;
  /** Carried over by continue-as-new. */
  readonly carried?: BackfillCarried;
}
/** Days that follow each other and failed alike; `to` exclusive. */
export interface FailedDays extends DaySpan {
  readonly reason: string;
}
/** What a backfill has done so far, in the numbers of its runs. */
export interface BackfillTotal {
  readonly days: number;
  readonly failedDays: number;
  readonly hours: number;
  readonly clicks: number;
  /** Figures written (a dry run: that would be), tombstones included; a month's or a total's with each day. */
  readonly changed: number;
  readonly vanished: number;
  readonly unchanged: number;
  /** Spent in runs of days, waiting for other writers of figures included. */
  readonly ms: number;
  readonly version?: string;
  /** The first ones, in order. */
  readonly failed: readonly FailedDays[];
  /** Days with changes and how many, the first ones, in order. */
  readonly changedDays: readonly {
    readonly day: string;
    readonly changed: number;
    readonly vanished: number;
  }[];
}
export interface BackfillCarried {
  readonly total: BackfillTotal;
  readonly next: string;
  readonly paused: boolean;
}
/** Answer of the query `progress`. */
export interface BackfillProgress extends BackfillTotal {
  readonly range: DayRange;
  readonly dryRun: boolean;
  readonly paused: boolean;
  readonly daysLeft: number;
  /** The day that is computed now. */
  readonly day?: string;
  readonly clicksPerSecond: number;
  /** What it does at the moment, in words. */
  readonly stage: string;
}
export interface BackfillResult extends BackfillTotal {
  readonly outcome: 'done' | 'done, index behind' | 'days failed' | 'stopped';
  readonly range: DayRange;
  readonly dryRun: boolean;
  /** Days that were not tried. */
  readonly daysLeft: number;
  /** The first day that is not frozen, where the range begins before it. */
  readonly floor?: string;
  /** What the worker's figures depend on besides the rows; absent in results of older workers. */
  readonly settings?: string;
  /** Why it stopped: what would have failed every day. */
  readonly stopped?: string;
  readonly index?: IndexResult;
  readonly indexError?: string;
}
