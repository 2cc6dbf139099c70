import type { Refused } from '../../clients/postgres/index/rejects.js';
import type { Run } from '../../clients/postgres/status/queries.js';
import type { Grain } from '../../domain/names.js';

export interface PartitionReport {
  readonly topic: string;
  readonly partition: number;
  /** First offset that is not persisted. */
  readonly next_offset: string | null;
  /** Last stable offset: where readers of committed records can get to. */
  readonly end_offset: string | null;
  /** Offsets that Kafka holds and that are to be read; null: unknown, as where the log ends before `next_offset`. */
  readonly lag: number | null;
}

export interface SkippedReport {
  readonly topic: string;
  readonly offsets: number;
  /** How often a topic that was made again (or a log that lost its end) was gone on with. */
  readonly made_again: number;
}

export interface WindowReport {
  /** ISO; null for the total, and for documents without a window. */
  readonly window_start: string | null;
  readonly figures: number;
  readonly documents: number;
  readonly figures_clicks: number;
  readonly documents_clicks: number;
}

export interface IndexReport {
  readonly grain: Grain;
  readonly index: string | null;
  readonly in_step: boolean | null;
  /** Figures and tombstones that it has not got yet. */
  readonly behind: number | null;
  readonly rejected: number | null;
  readonly version: string | null;
  readonly figures: number | null;
  readonly figures_clicks: number | null;
  readonly documents_clicks: number | null;
  /** Why the index is not what runs left or can use, and what to do; null: it is. */
  readonly problem: string | null;
  /** Windows in which documents and figures differ in number, clicks or versions. */
  readonly windows_out_of_step: number | null;
  /** The first of them, oldest first. */
  readonly out_of_step: readonly WindowReport[];
}

/**
 * `clickstream status --json`. What a server that is down would have said is null, and `unknown` says which;
 * names and meaning of the top-level integers are final.
 */
export interface StatusReport {
  readonly name: string;
  readonly records: number | null;
  readonly persisted: number | null;
  readonly duplicates: number | null;
  readonly dead_letters: number | null;
  readonly filtered: number | null;
  /** Filtered records per reason. */
  readonly filtered_by: Readonly<Record<string, number>> | null;
  /** records = persisted + duplicates + dead_letters + filtered. */
  readonly balanced: boolean | null;
  readonly lag: number | null;
  readonly marks_waiting: number | null;
  readonly hours_waiting: number | null;
  /** Rows of click_data. */
  readonly clicks: number | null;
  /** Begin of the first day that clicks are kept of; null: no day was ever dropped. */
  readonly floor: string | null;
  /** Clicks of the hours before the floor, of which only the figures are left. */
  readonly frozen_clicks: number | null;
  /** Dead letters that retention removed; `dead_letters` counts them still. */
  readonly expired_dead_letters: number | null;
  readonly documents_clicks: number | null;
  readonly documents_clicks_by_grain: Readonly<Record<Grain, number | null>>;
  readonly batches: number | null;
  /** Offsets that an operator skipped (`ingest skip`), over all topics. */
  readonly skipped_offsets: number | null;
  readonly skipped: readonly SkippedReport[];
  /** Why ingestion cannot go on, each with the operator's command; empty when nothing is in its way. */
  readonly gaps: readonly string[];
  /** What runs try again until it passes, with workflow, attempt and the last reason. */
  readonly retrying: readonly string[];
  readonly partitions: readonly PartitionReport[];
  readonly index_in_step: boolean | null;
  readonly indices: readonly IndexReport[];
  /** Documents that Elasticsearch refused, the latest ten: each run tries them again. `indices[].rejected` counts all. */
  readonly refused: readonly Refused[];
  readonly runs: readonly Run[];
  /** What is not there yet, and what to do. */
  readonly missing: readonly string[];
  /** What could not be found out, and why. */
  readonly unknown: readonly string[];
}
