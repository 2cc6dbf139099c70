/**
 * The activities as workflows call them: which queue, how long, how often again, and the words that the web UI shows.
 *
 * Permanent errors arrive as non-retryable failures (activities/failure.ts); all others are outages that end, so
 * retries are unlimited: a pipeline that waits for a server says so in the web UI and goes on by itself.
 */
import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { ActivityOptions, RetryPolicy } from '@temporalio/workflow';
import { rangeText } from '../domain/backfill/range.js';
import { analyzeQueue, ingestQueue } from '../domain/names.js';
import type {
  AggregationResult,
  ApplyRetentionInput,
  AwaitOffsetsInput,
  BackfillPlan,
  BatchRef,
  ChangeShardsInput,
  ChangeShardsResult,
  ConsumeBatchInput,
  ConsumeBatchResult,
  IndexMetricsInput,
  IndexResult,
  NotedOffsets,
  NoteOffsetsInput,
  PersistBatchInput,
  PersistBatchResult,
  PlanBackfillInput,
  ReindexGrainInput,
  ReindexGrainResult,
  ReplayDeadLettersInput,
  ReplayDeadLettersResult,
  RetentionResult,
  RunSparkAggregationInput,
  WorkflowSettings,
} from '../domain/stages.js';
import { batchSummary, count, daySummary, readSummary, replaySummary } from './words.js';

interface LocalActivities {
  readSettings(): Promise<WorkflowSettings>;
}
interface Activities {
  noteOffsets(input: NoteOffsetsInput): Promise<NotedOffsets>;
  changeShards(input: ChangeShardsInput): Promise<ChangeShardsResult>;
  consumeBatch(input: ConsumeBatchInput): Promise<ConsumeBatchResult>;
  persistBatch(input: PersistBatchInput): Promise<PersistBatchResult>;
  awaitOffsets(input: AwaitOffsetsInput): Promise<void>;
  replayDeadLetters(input: ReplayDeadLettersInput): Promise<ReplayDeadLettersResult>;
  runSparkAggregation(input: RunSparkAggregationInput): Promise<AggregationResult>;
  planBackfill(input: PlanBackfillInput): Promise<BackfillPlan>;
  indexMetrics(input: IndexMetricsInput): Promise<IndexResult>;
  reindexGrain(input: ReindexGrainInput): Promise<ReindexGrainResult>;
  applyRetention(input: ApplyRetentionInput): Promise<RetentionResult>;
}

/**
 * A worker that is gone leaves its spool's queue unread; after so many heartbeat timeouts (30 s by default) its batches
 * are consumed again elsewhere. More than one: a worker that restarts should find its files still wanted.
 */
const SPOOL_PATIENCE = 1.5;

/** Kafka and PostgreSQL come back within seconds of a restart, and lag grows meanwhile: ask often. */
const INGEST_RETRY: RetryPolicy = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '10 seconds',
};
/** An attempt costs a Spark job: leave a struggling cluster a minute. */
const AGGREGATE_RETRY: RetryPolicy = {
  initialInterval: '2 seconds',
  backoffCoefficient: 2,
  maximumInterval: '1 minute',
};
/** A backfill goes on past a day that fails by itself; an outage of a server is waited out by the workflow. */
const DAY_RETRY: RetryPolicy = { ...AGGREGATE_RETRY, maximumAttempts: 5 };
/** After so long a run ends without it; the next one tries again. */
const RETENTION_PATIENCE = '30 minutes';
/** indexMetrics itself retries with jitter inside an attempt; between attempts a few seconds do. */
const INDEX_RETRY: RetryPolicy = {
  initialInterval: '1 second',
  backoffCoefficient: 2,
  maximumInterval: '15 seconds',
};

/** Settings belong to the worker: a local activity reads them, so that every workflow can be started with `{}`. */
export const { readSettings } = proxyLocalActivities<LocalActivities>({
  startToCloseTimeout: '5 seconds',
  summary: 'the settings of the worker',
});

export type Stages = ReturnType<typeof stages>;

/** The stages, bound to an installation's queues. */
export function stages({ name, heartbeatMs, indexPatienceMs }: WorkflowSettings) {
  const call = (options: ActivityOptions): ReturnType<typeof proxyActivities<Activities>> =>
    proxyActivities<Activities>({ heartbeatTimeout: heartbeatMs, ...options });
  const spoolPatience = heartbeatMs * SPOOL_PATIENCE;

  return {
    noteOffsets: (input: NoteOffsetsInput): Promise<NotedOffsets> =>
      call({
        taskQueue: ingestQueue(name),
        startToCloseTimeout: '1 minute',
        retry: INGEST_RETRY,
        summary: `where ${input.topic ?? 'every topic'} ends now`,
      }).noteOffsets(input),

    /** Waits for the batches in hand of other runs' shards, which last as long as PostgreSQL makes them. */
    changeShards: (input: ChangeShardsInput): Promise<ChangeShardsResult> =>
      call({
        taskQueue: ingestQueue(name),
        startToCloseTimeout: '1 day',
        cancellationType: ActivityCancellationType.TRY_CANCEL,
        retry: INGEST_RETRY,
        summary: `${input.topic}: ${input.from} shards are drained, ${input.to} come after them`,
      }).changeShards(input),

    /**
     * On the common queue, or as read-ahead on a spool's. Half an hour bounds an attempt that waits for room in the
     * spool; a read without effect is not waited for when it is dropped.
     */
    consumeBatch: (
      input: ConsumeBatchInput,
      where: { readonly number: number; readonly spoolQueue?: string },
    ): Promise<ConsumeBatchResult> =>
      call({
        taskQueue: where.spoolQueue ?? ingestQueue(name),
        ...(where.spoolQueue === undefined ? {} : { scheduleToStartTimeout: spoolPatience }),
        startToCloseTimeout: '30 minutes',
        cancellationType: ActivityCancellationType.TRY_CANCEL,
        retry: INGEST_RETRY,
        summary: readSummary(where.number, input),
      }).consumeBatch(input),

    /** Only where the files are. Not waited for when cancelled: whether it has committed, PostgreSQL's offsets tell. */
    persistBatch: (
      batch: BatchRef,
      where: { readonly number: number; readonly spoolQueue: string },
    ): Promise<PersistBatchResult> =>
      call({
        taskQueue: where.spoolQueue,
        scheduleToStartTimeout: spoolPatience,
        startToCloseTimeout: '15 minutes',
        retry: INGEST_RETRY,
        summary: batchSummary(where.number, batch),
      }).persistBatch({ batch }),

    /** Ends by itself (ShardStalled) when the shard's holder moves nothing. */
    awaitOffsets: (input: AwaitOffsetsInput): Promise<void> =>
      call({
        taskQueue: ingestQueue(name),
        startToCloseTimeout: '1 day',
        cancellationType: ActivityCancellationType.TRY_CANCEL,
        retry: INGEST_RETRY,
        summary: `${input.topic}, shard ${input.shard} of ${input.shards}: held by another ingest`,
      }).awaitOffsets(input),

    /** One page, one transaction. Not waited for when cancelled: what has moved is no dead letter any more. */
    replayDeadLetters: (input: ReplayDeadLettersInput, number: number): Promise<ReplayDeadLettersResult> =>
      call({
        taskQueue: ingestQueue(name),
        startToCloseTimeout: '15 minutes',
        retry: INGEST_RETRY,
        summary: replaySummary(number, input),
      }).replayDeadLetters(input),

    /** May wait hours for another writer of figures, under heartbeat. */
    runSparkAggregation: (input: RunSparkAggregationInput, run: number): Promise<AggregationResult> =>
      call({
        taskQueue: analyzeQueue(name),
        startToCloseTimeout: '12 hours',
        retry: AGGREGATE_RETRY,
        summary: `run ${count(run)} · the marked hours, oldest day first`,
      }).runSparkAggregation(input),

    planBackfill: (input: PlanBackfillInput): Promise<BackfillPlan> =>
      call({
        taskQueue: analyzeQueue(name),
        startToCloseTimeout: '15 minutes',
        retry: AGGREGATE_RETRY,
        summary: `which days there are · ${rangeText(input)}`,
      }).planBackfill(input),

    /**
     * As runSparkAggregation, for a backfill: it waits until no other writer of figures waits. Waited for when
     * cancelled, so that a backfill that has ended has no job in Spark any more.
     */
    computeDay: (
      input: RunSparkAggregationInput & { readonly day: string },
      where: { readonly number: number; readonly of: number },
    ): Promise<AggregationResult> =>
      call({
        taskQueue: analyzeQueue(name),
        startToCloseTimeout: '12 hours',
        cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        retry: DAY_RETRY,
        summary: daySummary(input, where),
      }).runSparkAggregation(input),

    /** The whole of it, retries included, ends with the patience: figures must not wait for the index. */
    indexMetrics: (input: IndexMetricsInput, version: string | undefined): Promise<IndexResult> =>
      call({
        taskQueue: analyzeQueue(name),
        scheduleToCloseTimeout: indexPatienceMs,
        retry: INDEX_RETRY,
        summary: version === undefined ? 'whatever the index lacks' : `figures up to version ${version}`,
      }).indexMetrics(input),

    /** Nobody waits for the new index: an outage of Elasticsearch only makes it later. */
    reindexGrain: (input: ReindexGrainInput): Promise<ReindexGrainResult> =>
      call({
        taskQueue: analyzeQueue(name),
        startToCloseTimeout: '12 hours',
        cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        retry: INDEX_RETRY,
        summary: `the index of ${input.grain}, built anew`,
      }).reindexGrain(input),

    /** What stays today goes tomorrow: a run must not be kept waiting for it. */
    applyRetention: (input: ApplyRetentionInput): Promise<RetentionResult> =>
      call({
        taskQueue: analyzeQueue(name),
        scheduleToCloseTimeout: RETENTION_PATIENCE,
        retry: AGGREGATE_RETRY,
        summary: 'days and dead letters past their retention',
      }).applyRetention(input),
  };
}
