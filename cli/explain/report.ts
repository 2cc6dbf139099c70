import type { How } from '../../clients/postgres/explain/clicks.js';
import type { Grain } from '../../domain/names.js';

/** An integer that a number may not hold is a string of its digits. */
export type Exact = number | string;

/** The figures that the clicks add up to, in every grain. */
export interface FigureSums {
  readonly click_count: Exact;
  readonly bot_clicks: Exact;
  readonly timed_clicks: Exact;
  readonly total_time_spent_ms: Exact;
}

/** What is said of how figure and clicks stand to each other. */
export type Verdict =
  /** The clicks, and the clicks of frozen hours, are what the figure says. */
  | 'equal'
  /** They are not yet: hours are marked, and the next run computes them. */
  | 'waiting'
  /** They are not, and nothing waits. */
  | 'different'
  /** There is no figure, and there are no clicks. */
  | 'nothing';

export interface ExplainReport {
  readonly url: string;
  readonly country: string;
  readonly grain: Grain;
  readonly window_start: string | null;
  readonly verdict: Verdict;
  /** Null: there is none. */
  readonly figure:
    | (FigureSums & {
        readonly unique_users: Exact;
        readonly unique_users_exact: boolean;
        readonly avg_time_spent_ms: number | null;
        readonly median_time_spent_ms: number | null;
        readonly p90_time_spent_ms: number | null;
        readonly version: Exact;
      })
    | null;
  /** The version under which the figure vanished, since its last click went. */
  readonly vanished: Exact | null;
  /** The run that computed it. */
  readonly run: {
    readonly id: Exact;
    readonly started_at: string;
    readonly finished_at: string;
    readonly workflow_id: string | null;
    readonly workflow_run_id: string | null;
  } | null;
  readonly index: {
    /** `behind`: the next run sends it. `unknown`: Elasticsearch does not answer. */
    readonly state: 'same' | 'behind' | 'refused' | 'different' | 'unknown';
    /** Of the document; null: there is none. */
    readonly version: Exact | null;
    readonly detail: string | null;
  };
  /** Hours of the window that the next run computes. */
  readonly marked_hours: number;
  /** Begin of the first day that clicks are kept of; null: of all. */
  readonly floor: string | null;
  /** What hours below the floor are a part of the figure. */
  readonly frozen: FigureSums & { readonly hours: number };
  /** Sums over all clicks, also those that are not listed. */
  readonly found: FigureSums & {
    readonly unique_users: Exact;
    readonly late_clicks: Exact;
    /** Own times that are too large to be one, and count as missing. */
    readonly own_times_beyond: Exact;
    /** Own times below 0, which count as they are. */
    readonly own_times_negative: Exact;
    readonly by_time: Readonly<Record<How, number>>;
  };
  /** Figures that differ, though nothing waits or while marks wait. */
  readonly differences: readonly { readonly figure: string; readonly stored: Exact; readonly found: Exact }[];
  readonly clicks: readonly ExplainedClick[];
  /** Figures like it, where there is none. */
  readonly nearest: readonly {
    readonly window_start: string | null;
    readonly country: string;
    readonly click_count: Exact;
  }[];
}

export interface ExplainedClick {
  readonly event_time: string;
  readonly event_id: string;
  readonly click_id: string;
  /** `u1`, `u2`, … in the order of the list, unless users are asked for; null: without. */
  readonly user: string | null;
  readonly session: string | null;
  readonly is_bot: boolean;
  readonly time_spent_ms: Exact | null;
  readonly time_from: How;
  /** It has an own time, which is too large to be one. */
  readonly own_time_beyond: boolean;
  readonly next: { readonly event_time: string; readonly click_id: string; readonly url: string } | null;
  readonly is_late: boolean | null;
  readonly committed_at: string | null;
  readonly batch_id: string | null;
  readonly topic: string | null;
  readonly partition: number;
  readonly offset: Exact;
}
