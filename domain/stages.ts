/**
 * What the stages say to each other through Temporal: references and counts, never a value of an event.
 * Payloads are JSON, so Kafka offsets and versions are decimal strings and times are ISO strings.
 * Every workflow and activity takes one object whose fields may grow without breaking replay.
 */
import type { DayRange, DaySpan } from './backfill/range.js';
import type { Grain } from './names.js';

/** A decimal Kafka offset; 64 bits do not fit a JSON number. */
export type Offset = string;

/** `from` inclusive, `to` exclusive. */
export interface OffsetRange {
  readonly partition: number;
  readonly from: Offset;
  readonly to: Offset;
}

export interface Position {
  readonly partition: number;
  readonly offset: Offset;
}

/** The account of a batch, a run or everything: records = persisted + duplicates + dead_letters + filtered. */
export interface Counts {
  readonly records: number;
  readonly persisted: number;
  readonly duplicates: number;
  readonly deadLetters: number;
  readonly filtered: number;
}

/** A set of offset ranges of one source; its id is a hash of source and ranges, so any attempt builds the same. */
export interface BatchRef {
  readonly batchId: string;
  /** The source's number in PostgreSQL: one incarnation of a topic. */
  readonly sourceId: number;
  readonly topic: string;
  readonly shard: number;
  /** Only partitions that moved, ascending. */
  readonly ranges: readonly OffsetRange[];
  /** What the ranges hold, for summaries. */
  readonly records: number;
  readonly bytes: number;
}

// ---- settings (local activity on the workflow queue) ----

/** What workflows must know of the worker's configuration; read by a local activity, never passed by callers. */
export interface WorkflowSettings {
  readonly name: string;
  readonly topics: readonly string[];
  /** How long indexMetrics may try before the run ends as `aggregated, index behind`, ms. */
  readonly indexPatienceMs: number;
  /** Upper bound of one attempt of consumeBatch and persistBatch without a sign of life, ms. */
  readonly heartbeatMs: number;
  readonly searchAttributes: boolean;
  /** Whether `analyze` ends with applyRetention; absent in what workers told before there was one. */
  readonly retention?: boolean;
}

// ---- ingest ----

export interface NoteOffsetsInput {
  readonly topic?: string;
}
/** The last stable offset of every partition, and the shard count in force. */
export interface NotedTopic {
  readonly topic: string;
  readonly shards: number;
  /** The count that the worker is configured for, where it is another: to be changed to before shards are started. */
  readonly wanted?: number;
  readonly offsets: readonly Position[];
}
export interface NotedOffsets {
  readonly topics: readonly NotedTopic[];
  /** Print of the mapping that the worker runs; absent in what older workers noted. */
  readonly mapping?: string;
}

export interface ChangeShardsInput {
  readonly topic: string;
  /** The count in force when the change was decided; another by now: somebody else has changed it. */
  readonly from: number;
  readonly to: number;
}
export interface ChangeShardsResult {
  /** The count in force. */
  readonly shards: number;
}

export interface ConsumeBatchInput {
  readonly topic: string;
  readonly shard: number;
  readonly shards: number;
  /** Where to read from; absent: the offsets in PostgreSQL (the first of a chain). */
  readonly after?: readonly Position[];
  /** Offsets not to read past, per partition (a bounded ingest); a partition that is not named is not read. */
  readonly until?: readonly Position[];
  /** The exact form: exactly these ranges, again. */
  readonly exact?: { readonly sourceId: number; readonly ranges: readonly OffsetRange[] };
  /** Records of the open form at most: the last answer's `maxRecords`; absent: a chain's first, a small one. */
  readonly maxRecords?: number;
  /** How long the open form waits after its first record, ms: the last answer's `waitMs`; absent: `ingest.batch.wait`. */
  readonly waitMs?: number;
}
export interface ConsumeBatchResult {
  /** Absent when nothing moved. */
  readonly batch?: BatchRef;
  /** The spool's task queue, which alone can persist this batch from its files and read ahead. */
  readonly spoolQueue: string;
  /** Where the next batch begins: every partition of the shard. */
  readonly next: readonly Position[];
  /** Every partition of the shard stands at `until` (always false without it). */
  readonly reachedUntil: boolean;
  /** What to hand in as `maxRecords` next: more after a full batch, up to the setting `ingest.batch.records`. */
  readonly maxRecords: number;
  /** What to hand in as `waitMs` next: doubles up to 30 s while batches stay small, back to the setting when they do not. */
  readonly waitMs: number;
  /** Records between `next` and the end of the log, all partitions of the shard, where known. */
  readonly lag?: number;
}

export interface PersistBatchInput {
  readonly batch: BatchRef;
}
export type PersistBatchResult =
  /** Done now, or found in the ledger: the stored counts. */
  | {
      readonly outcome: 'persisted';
      readonly counts: Counts;
      readonly replayed: boolean;
      /** The worker drains: it will soon poll its spool's queue no more, and what it read ahead is for others to read. */
      readonly draining?: true;
    }
  /** Another writer moved the offsets: drop the read-ahead and plan again from PostgreSQL's. */
  | { readonly outcome: 'fenced'; readonly offsets: readonly Position[] };

export interface AwaitOffsetsInput {
  readonly topic: string;
  readonly shard: number;
  readonly shards: number;
  readonly until: readonly Position[];
  /** Fail with ShardStalled when no offset of the shard moves for so long. Default 5 min. */
  readonly stallMs?: number;
}

// ---- replay ----

/** The number of a dead letter: a positive bigint of PostgreSQL, as text. */
export const LETTER_ID = /^[1-9]\d{0,17}$/;

/** Which dead letters; what is absent does not narrow, so that `{}` means all of them. */
export interface ReplaySelection {
  readonly reason?: string;
  readonly field?: string;
  /** Decimal numbers of dead letters. */
  readonly ids?: readonly string[];
  /** When they were rejected: ISO, inclusive. */
  readonly from?: string;
  /** Exclusive. */
  readonly to?: string;
}

/** Dead letters of one source by their numbers: above `after`, up to and including `to`. */
export interface ReplayPage {
  /** Hash of the source and of the letters' coordinates and numbers: a page that is done is known by it. */
  readonly batchId: string;
  readonly sourceId: number;
  readonly after: string;
  readonly to: string;
  readonly letters: number;
}

export interface ReplayDeadLettersInput {
  readonly selection: ReplaySelection;
  /** Of the mapping that the caller wants; absent: whatever the worker runs. */
  readonly fingerprint?: string;
  /** What to replay now; absent: nothing, the first page is only planned. */
  readonly page?: ReplayPage;
  /** The highest number to look at, from the first answer: what is rejected meanwhile is left alone. */
  readonly upTo?: string;
  /** Dead letters in a page at most. Default 1,000. */
  readonly limit?: number;
}
export interface ReplayDeadLettersResult {
  /** Of the page: records 0, deadLetters minus those that moved. */
  readonly counts: Counts;
  readonly upTo: string;
  /** Absent: there is no more. */
  readonly next?: ReplayPage;
}

// ---- analyze ----

export interface RunSparkAggregationInput {
  /** Rows to read at most in one run (at least one day is always taken). */
  readonly maxRows?: number;
  /**
   * A backfill: every hour of this UTC day (`2026-01-05`), marked or not, under the settings of the worker.
   * Absent: the marked hours. Runs of marked hours come first wherever both wait.
   */
  readonly day?: string;
  /** With `day`: count what would change, and change nothing. */
  readonly dryRun?: boolean;
}
export interface AggregationResult {
  /** Row in aggregate_run; absent when no mark waited and nothing was done. */
  readonly run?: string;
  /** Version that changed figures carry; absent when no figure changed. */
  readonly version?: string;
  readonly hours: number;
  readonly clicks: number;
  /** Figures written with a new version, tombstones included. */
  readonly changed: number;
  readonly vanished: number;
  readonly unchanged: number;
  readonly marksLeft: number;
  readonly ms: number;
}

/** Which days of the range there are to compute. */
export type PlanBackfillInput = DayRange;
export interface BackfillPlan {
  /** Days with clicks or figures, none of them frozen, in order; a page of them. */
  readonly spans: readonly DaySpan[];
  /** Days in all pages. */
  readonly days: number;
  /** Where the next page begins. */
  readonly next?: string;
  /** The first day that is not frozen; absent: retention never dropped a day. */
  readonly floor?: string;
  /** What the worker's figures depend on besides the rows; absent in plans of older workers. */
  readonly settings?: string;
}

export type IndexMetricsInput = Readonly<Record<string, never>>;
export interface IndexResult {
  readonly grains: readonly {
    readonly grain: Grain;
    readonly index: string;
    readonly indexed: number;
    readonly deleted: number;
    readonly stale: number;
    readonly rejected: number;
    readonly version: string;
  }[];
  readonly indexed: number;
  readonly rejected: number;
  readonly ms: number;
}

export interface ReindexGrainInput {
  readonly grain: Grain;
}
export interface ReindexGrainResult {
  readonly grain: Grain;
  /** The new index, behind the read alias now. */
  readonly index: string;
  /** The one that it stood for before, kept until it is dropped. */
  readonly replaced: string;
  readonly documents: number;
  /** Figures that Elasticsearch refused; kept, and tried again by the next run. */
  readonly rejected: number;
  readonly ms: number;
}

export type ApplyRetentionInput = Readonly<Record<string, never>>;
export interface RetentionResult {
  /** Begin of the first day that clicks are kept of; absent: no day was ever dropped. */
  readonly floor?: string;
  readonly days: number;
  readonly clicks: number;
  readonly deadLetters: number;
  readonly tombstones: number;
  /** Days that are due and stay until a later run. */
  readonly daysLeft: number;
  /** Why they stay, in words. */
  readonly held?: string;
  readonly ms: number;
}

// ---- workflows: public names, each startable with `{}` ----

export interface IngestInput {
  /** One topic and shard; both absent: every shard of every topic, followed. */
  readonly topic?: string;
  readonly shard?: number;
  readonly shards?: number;
  readonly until?: readonly Position[];
  /** Carried over by continue-as-new. */
  readonly carried?: { readonly counts: Counts; readonly batches: number };
}
export interface IngestResult {
  readonly counts: Counts;
  readonly batches: number;
  /** It was told to stop, and may have ended short of `until`. */
  readonly stopped?: true;
}
export interface ReplayInput extends ReplaySelection {
  /** As in ReplayDeadLettersInput. */
  readonly fingerprint?: string;
  /** Carried over by continue-as-new. */
  readonly carried?: ReplayResult & { readonly next?: ReplayPage; readonly upTo: string };
}
export interface ReplayResult {
  /** records 0, deadLetters minus those that moved to the other three. */
  readonly counts: Counts;
  /** Dead letters that were decoded again, those that stay included. */
  readonly examined: number;
  readonly pages: number;
}
/** All aggregation runs of one `analyze` together; `version` and `marksLeft` are the last run's. */
export type AggregationTotal = Omit<AggregationResult, 'run'> & { readonly runs: number };
export interface AnalyzeInput {
  /** Carried over by continue-as-new. */
  readonly carried?: AggregationTotal;
}
export interface AnalyzeResult {
  readonly outcome: 'indexed' | 'aggregated, index behind';
  readonly aggregation: AggregationTotal;
  readonly index?: IndexResult;
  /** Why the index is behind. */
  readonly indexError?: string;
  readonly retention?: RetentionResult;
  /** Why retention could not be applied; the next run tries again. */
  readonly retentionError?: string;
}
export interface ReindexInput {
  /** Which grains; absent: all four. */
  readonly grains?: readonly Grain[];
}
export interface ReindexResult {
  readonly grains: readonly ReindexGrainResult[];
  readonly documents: number;
  readonly rejected: number;
  readonly ms: number;
}
export type PipelineInput = Readonly<Record<string, never>>;
/** Answer of the query `account`: where a workflow stands now. */
export interface Account {
  readonly counts: Counts;
  readonly batches: number;
  /** What it does at the moment, in words. */
  readonly stage: string;
  /** Offsets that a pipeline will reach, once it has noted them. */
  readonly noted?: NotedOffsets;
  /** Shards that have failed and wait to be started again, each with its reason. */
  readonly failed?: readonly string[];
  /** Workflows to ask for the counts of what is still running; `counts` holds only what has ended. */
  readonly children: readonly string[];
}
export interface PipelineResult {
  readonly noted: NotedOffsets;
  readonly ingest: IngestResult;
  /** From the noting of the offsets until they were all in PostgreSQL. */
  readonly ingestMs: number;
  readonly analyze: AnalyzeResult;
}

export const NO_COUNTS: Counts = { records: 0, persisted: 0, duplicates: 0, deadLetters: 0, filtered: 0 };

export const addCounts = (a: Counts, b: Counts): Counts => ({
  records: a.records + b.records,
  persisted: a.persisted + b.persisted,
  duplicates: a.duplicates + b.duplicates,
  deadLetters: a.deadLetters + b.deadLetters,
  filtered: a.filtered + b.filtered,
});

/** The promise itself. */
export const balances = (c: Counts): boolean =>
  c.records === c.persisted + c.duplicates + c.deadLetters + c.filtered;
