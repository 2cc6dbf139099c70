/**
 * Every queue, workflow id, schedule id, alias, index and table name, spelled once.
 *
 * `name` is the installation's name (`[a-z][a-z0-9_]{0,30}`): several installations share the same servers,
 * and nothing here may collide between two of them.
 */

/** All workflows and their local activities; every worker polls it. */
export const workflowQueue = (name: string): string => name;
/** consumeBatch in its exact form or the first of a chain, noteOffsets, awaitOffsets. */
export const ingestQueue = (name: string): string => `${name}-ingest`;
/** runSparkAggregation, planBackfill, indexMetrics, reindexGrain and applyRetention. */
export const analyzeQueue = (name: string): string => `${name}-analyze`;
/** Read-ahead and persistBatch of the one worker that holds this spool. */
export const spoolQueue = (name: string, spoolId: string): string => `${name}-spool-${spoolId}`;

export const pipelineWorkflowId = (name: string): string => `${name}-pipeline`;
export const ingestWorkflowId = (name: string): string => `${name}-ingest`;
export const shardWorkflowId = (name: string, topic: string, shard: number): string =>
  `${name}-ingest-${topic}-${shard}`;
export const analyzeWorkflowId = (name: string): string => `${name}-analyze`;
export const replayWorkflowId = (name: string): string => `${name}-replay`;
/** @param range part of the id that says which days, such as `2026-01-01-2026-02-01` or `all` */
export const backfillWorkflowId = (name: string, range: string, dryRun: boolean): string =>
  `${name}-backfill-${range}${dryRun ? '-dry-run' : ''}`;
export const reindexWorkflowId = (name: string): string => `${name}-reindex`;
export const scheduleId = (name: string): string => `${name}-schedule`;

export const GRAINS = ['hour', 'day', 'month', 'total'] as const;
export type Grain = (typeof GRAINS)[number];

/** What people and the page search. */
export const readAlias = (name: string, grain: Grain): string => `${name}-metrics-${grain}`;
export const physicalIndex = (name: string, grain: Grain, generation: number): string =>
  `${name}-metrics-${grain}-${generation}`;
/** One write alias per physical index, so that a bulk request can demand `require_alias`. */
export const writeAlias = (index: string): string => `${index}-write`;
export const indexTemplate = (name: string): string => `${name}-metrics`;

/** Tables of fixed shape, inside the PostgreSQL schema that carries the installation's name. */
export const TABLES = {
  source: 'source',
  ingestOffset: 'ingest_offset',
  shardCount: 'shard_count',
  batch: 'batch',
  deadLetter: 'dead_letter',
  windowMark: 'window_mark',
  aggregateRun: 'aggregate_run',
  aggregateSettings: 'aggregate_settings',
  backfillDay: 'backfill_day',
  clickMetrics: 'click_metrics',
  indexCursor: 'index_cursor',
  indexReject: 'index_reject',
  secret: 'secret',
  retentionFloor: 'retention_floor',
  retired: 'retired',
} as const;

export const FAMILIES = ['click_data', 'geo_data', 'user_agent_data'] as const;
export type Family = (typeof FAMILIES)[number];

/** Search attributes (Keyword) that `migrate` registers. */
export const SEARCH_ATTRIBUTES = {
  name: 'ClickstreamName',
  topic: 'ClickstreamTopic',
  backfill: 'ClickstreamBackfill',
} as const;

/** The stages of application_name: `<name>:<stage>:<work hash>:<attempt hash>`, at most 63 bytes. */
export const applicationName = (name: string, stage: string, work: string, attempt: string): string =>
  `${name}:${stage}:${work}:${attempt}`;
