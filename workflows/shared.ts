/** What all workflows have in common: names of signal and query, search attributes, the way children are started. */
import {
  defineQuery,
  defineSignal,
  ParentClosePolicy,
  startChild,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import { SEARCH_ATTRIBUTES, shardWorkflowId } from '../domain/names.js';
import type { Account, IngestInput, IngestResult, NotedTopic, WorkflowSettings } from '../domain/stages.js';
import { stages } from './activities.js';

/** Where it stands now. */
export const accountQuery = defineQuery<Account>('account');
/** An ingest persists the batch in hand and completes. */
export const stopSignal = defineSignal('stop');

/** An ingest of everything starts the shards again that had failed; a backfill that was paused goes on. */
export const resumeSignal = defineSignal('resume');

export type IngestChild = ChildWorkflowHandle<(input: IngestInput) => Promise<IngestResult>>;

/** One shard as a child. Its id is the mutex: throws WorkflowExecutionAlreadyStartedError while another holds it. */
export const startShard = (
  settings: WorkflowSettings,
  input: { readonly topic: string; readonly shard: number; readonly shards: number } & IngestInput,
): Promise<IngestChild> =>
  startChild<(input: IngestInput) => Promise<IngestResult>>('ingest', {
    workflowId: shardWorkflowId(settings.name, input.topic, input.shard),
    args: [input],
    // A parent that is gone must not leave shards held: they finish what they have in hand and go.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    staticSummary: `${input.topic}, shard ${input.shard} of ${input.shards}${input.until === undefined ? '' : ', up to the noted offsets'}`,
    staticDetails: 'Kafka → spool → PostgreSQL, batch by batch, in order.',
  });

/**
 * The topic with the count of shards to start: where the worker is configured for another than the one in force,
 * the shards of that one are drained first.
 */
export async function withShards(settings: WorkflowSettings, noted: NotedTopic): Promise<NotedTopic> {
  const { wanted, ...topic } = noted;
  if (wanted === undefined) return noted;
  const change = { topic: topic.topic, from: topic.shards, to: wanted };
  return { ...topic, ...(await stages(settings).changeShards(change)) };
}

/** Lets people find an installation's runs; off where nobody may register the attributes. */
export function tag(settings: WorkflowSettings, topic?: string, backfill?: string): void {
  if (!settings.searchAttributes) return;
  const keyword = (name: string, value: string) => ({ key: { name, type: 'KEYWORD' as const }, value });
  upsertSearchAttributes([
    keyword(SEARCH_ATTRIBUTES.name, settings.name),
    ...(topic === undefined ? [] : [keyword(SEARCH_ATTRIBUTES.topic, topic)]),
    ...(backfill === undefined ? [] : [keyword(SEARCH_ATTRIBUTES.backfill, backfill)]),
  ]);
}
