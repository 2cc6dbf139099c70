import {
  CancellationScope,
  condition,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
} from '@temporalio/workflow';
import { analyzeWorkflowId } from '../domain/names.js';
import { addCounts, NO_COUNTS } from '../domain/stages.js';
import type {
  Account,
  AnalyzeResult,
  IngestResult,
  NotedOffsets,
  NotedTopic,
  PipelineInput,
  PipelineResult,
  Position,
  WorkflowSettings,
} from '../domain/stages.js';
import { readSettings, stages } from './activities.js';
import type { analyze } from './analyze.js';
import { isHeld, reason } from './failures.js';
import { knownInput } from './inputs.js';
import { accountQuery, startShard, tag, withShards } from './shared.js';
import type { IngestChild } from './shared.js';
import { details } from './words.js';

/**
 * The whole chain until caught up: everything that Kafka holds at this moment is brought into PostgreSQL,
 * aggregated, and indexed. Its argument has no field.
 */
export async function pipeline(input: PipelineInput = {}): Promise<PipelineResult> {
  knownInput('pipeline', input, []);
  const settings = await readSettings();
  tag(settings);
  let stage = 'noting where the topics end';
  let noted: NotedOffsets | undefined = undefined;
  let ingested: IngestResult = { counts: NO_COUNTS, batches: 0 };
  let lastError: string | undefined;
  const children = new Set<string>();
  setHandler(accountQuery, (): Account => ({
    ...ingested,
    stage,
    children: [...children],
    ...(noted === undefined ? {} : { noted }),
  }));
  const show = (now: string): void => {
    stage = now;
    setCurrentDetails(details({ ...ingested, stage, lastError }));
  };

  show(stage);
  noted = await stages(settings).noteOffsets({});
  if (noted.topics.some(({ wanted }) => wanted !== undefined)) {
    show('draining shards, whose count changes');
    noted = { ...noted, topics: await Promise.all(noted.topics.map((topic) => withShards(settings, topic))) };
  }

  show('ingesting up to the noted offsets');
  const ingestBegun = Date.now();
  const shards = noted.topics.flatMap((topic) =>
    Array.from({ length: topic.shards }, (_, shard) => ({ topic, shard })),
  );
  const ends = await Promise.allSettled(
    shards.map(async ({ topic, shard }) => {
      const result = await bringShardUp(settings, topic, shard, children);
      ingested = {
        counts: addCounts(ingested.counts, result.counts),
        batches: ingested.batches + result.batches,
      };
      show(stage);
    }),
  );
  const ingestMs = Date.now() - ingestBegun;
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) {
    if (isCancellation(failed.reason)) throw failed.reason;
    lastError = reason(failed.reason);
  }

  // A shard that stands still must not keep the figures of the others back.
  show('analyzing');
  const analyzed = await analyzeInTurn(settings, () => {
    show('waiting for the analyze that runs already');
  });
  if (failed !== undefined) throw failed.reason;
  show(analyzed.indexError === undefined ? 'done' : `aggregated, index behind: ${analyzed.indexError}`);
  return { noted, ingest: ingested, ingestMs, analyze: analyzed };
}

/** The holder of a shard may end short of our offsets (another pipeline noted lower ones): our own start is tried so often. */
const HELD_AGAIN = '10 seconds';

/**
 * Until the shard's offsets are those noted. A child that somebody told to stop (the count of shards changes) is
 * followed by another of the same share: the fence keeps two counts at once apart.
 */
async function bringShardUp(
  settings: WorkflowSettings,
  noted: NotedTopic,
  shard: number,
  children: Set<string>,
): Promise<IngestResult> {
  const { shards } = noted;
  const until = noted.offsets.filter(({ partition }) => partition % shards === shard);
  let total: IngestResult = { counts: NO_COUNTS, batches: 0 };
  if (until.length === 0) return total;
  for (;;) {
    const { counts, batches, stopped } = await bringUpOnce(settings, noted, shard, until, children);
    total = { counts: addCounts(total.counts, counts), batches: total.batches + batches };
    if (stopped !== true) return total;
  }
}

/** Own child where the shard is free; where another ingest holds it, until the stored offsets are those noted. */
async function bringUpOnce(
  settings: WorkflowSettings,
  { topic, shards }: NotedTopic,
  shard: number,
  until: readonly Position[],
  children: Set<string>,
): Promise<IngestResult> {
  const own = async (): Promise<IngestChild | undefined> => {
    try {
      return await startShard(settings, { topic, shard, shards, until });
    } catch (error) {
      if (isHeld(error)) return undefined;
      throw error;
    }
  };
  const finish = async (child: IngestChild): Promise<IngestResult> => {
    children.add(child.workflowId);
    return child.result().finally(() => children.delete(child.workflowId));
  };

  const child = await own();
  if (child !== undefined) return finish(child);

  // Waits for the holder to pass our offsets; when it ends short of them, the shard becomes ours.
  const waiting = new CancellationScope();
  let reached: { readonly failure?: unknown } | undefined;
  void waiting
    .run(() => stages(settings).awaitOffsets({ topic, shard, shards, until }))
    .then(
      () => (reached = {}),
      (failure: unknown) => (reached = { failure }),
    );
  for (;;) {
    await condition(() => reached !== undefined, HELD_AGAIN);
    const end = reached as { readonly failure?: unknown } | undefined;
    if (end !== undefined && !('failure' in end)) return { counts: NO_COUNTS, batches: 0 };
    const late = await own();
    if (late !== undefined) {
      waiting.cancel();
      return finish(late);
    }
    if (end !== undefined) throw end.failure;
  }
}

/** `<name>-analyze` runs once at a time: a running one may have missed our clicks, so ours comes after it. */
async function analyzeInTurn(settings: WorkflowSettings, onHeld: () => void): Promise<AnalyzeResult> {
  for (let seconds = 1; ; seconds = Math.min(seconds * 2, 10)) {
    try {
      const child = await startChild<typeof analyze>('analyze', {
        workflowId: analyzeWorkflowId(settings.name),
        args: [{}],
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        staticSummary: 'marked hours → Spark → figures → Elasticsearch',
      });
      return await child.result();
    } catch (error) {
      if (!isHeld(error)) throw error;
      onHeld();
      await sleep(seconds * 1000);
    }
  }
}
