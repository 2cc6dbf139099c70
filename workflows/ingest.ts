import { condition, isCancellation, patched, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { addCounts, NO_COUNTS } from '../domain/stages.js';
import type {
  Account,
  IngestInput,
  IngestResult,
  NotedTopic,
  NoteOffsetsInput,
  WorkflowSettings,
} from '../domain/stages.js';
import { readSettings, stages } from './activities.js';
import { isHeld, reason } from './failures.js';
import { knownInput, usage } from './inputs.js';
import { accountQuery, resumeSignal, startShard, stopSignal, tag, withShards } from './shared.js';
import type { IngestChild } from './shared.js';
import { ingestShard } from './shard.js';
import { details } from './words.js';

/**
 * Kafka → PostgreSQL. `{}`: every shard of every topic, each a child, followed until stopped.
 * `{ topic, shard }`: that shard, until stopped; with `until`, until its partitions stand there.
 */
export async function ingest(given: IngestInput = {}): Promise<IngestResult> {
  const input: IngestInput = knownInput('ingest', given, ['topic', 'shard', 'shards', 'until', 'carried']);
  const settings = await readSettings();
  tag(settings, input.topic);
  const { topic, shard } = input;
  if (topic === undefined || shard === undefined) return followShards(settings, input);
  const shards = input.shards ?? (await shardsOf(settings, topic));
  if (!Number.isInteger(shard) || shard < 0 || shard >= shards)
    throw usage(`ingest: shard must be one of 0 to ${shards - 1} of topic ${topic}, got ${shard}`);
  return ingestShard(settings, { ...input, topic, shard, shards });
}

async function shardsOf(settings: WorkflowSettings, topic: string): Promise<number> {
  const topics = await note(settings, { topic });
  const noted = topics.find((candidate) => candidate.topic === topic);
  if (noted === undefined) throw usage(`ingest: topic ${topic} is not one of ${settings.topics.join(', ')}`);
  return noted.shards;
}

/** Another run may hold a shard for a while (a pipeline's bounded ingest): try again so often. */
const HELD_AGAIN = '5 seconds';

async function followShards(settings: WorkflowSettings, input: IngestInput): Promise<IngestResult> {
  if (input.until !== undefined || input.shard !== undefined)
    throw usage(
      'ingest: `until` and `shard` go with a topic and a shard, as in {"topic":"clicks","shard":0}',
    );
  let counts = NO_COUNTS;
  let batches = 0;
  let stopping = false;
  let lastError: string | undefined;
  let resumed = 0;
  /** Shards that are not at their end. */
  let followed = 0;
  /** Those of them that have failed, and why. */
  const failed = new Set<string>();
  const children = new Map<string, IngestChild>();

  const account = (): Account => ({
    counts,
    batches,
    stage:
      (stopping ? 'stopping' : `following ${children.size} ${children.size === 1 ? 'shard' : 'shards'}`) +
      (failed.size === 0 ? '' : `, ${failed.size} failed`),
    ...(failed.size === 0 ? {} : { failed: [...failed] }),
    children: [...children.keys()],
  });
  const show = (): void => {
    const { stage } = account();
    const list = [...children.keys()].map((id) => `- ${id}`).join('\n');
    setCurrentDetails(`${details({ counts, batches, stage, lastError })}\n\n${list}`);
  };
  setHandler(accountQuery, account);
  setHandler(resumeSignal, () => {
    resumed += 1;
  });
  setHandler(stopSignal, async () => {
    stopping = true;
    // One that has just ended cannot be told, and need not be.
    await Promise.allSettled([...children.values()].map((child) => child.signal(stopSignal)));
  });

  /** Waits while others are followed. @returns whether somebody has mended what failed */
  const mended = async (failure: string): Promise<boolean> => {
    const before = resumed;
    failed.add(failure);
    show();
    try {
      await condition(() => stopping || resumed > before || failed.size === followed);
      return !stopping && resumed > before;
    } finally {
      failed.delete(failure);
    }
  };

  const follow = async (topic: string, shard: number, shards: number): Promise<void> => {
    while (!stopping) {
      try {
        const child = await startShard(settings, { topic, shard, shards });
        children.set(child.workflowId, child);
        if (stopping) await Promise.allSettled([child.signal(stopSignal)]);
        show();
        const result = await child.result().finally(() => children.delete(child.workflowId));
        counts = addCounts(counts, result.counts);
        batches += result.batches;
        show();
        return;
      } catch (error) {
        if (isHeld(error)) {
          await condition(() => stopping, HELD_AGAIN);
          continue;
        }
        const failure = `${topic}, shard ${shard}: ${reason(error)}`;
        lastError = failure;
        if (isCancellation(error) || !(await mended(failure))) throw error;
      }
    }
  };

  /** One shard that fails must not end the others: they are followed to their own end first. */
  const followAll = async (topic: string, shards: number): Promise<void> => {
    const ends = await Promise.allSettled(
      Array.from({ length: shards }, (_, shard) => {
        followed += 1;
        return follow(topic, shard, shards).finally(() => (followed -= 1));
      }),
    );
    const failure = ends.find((end) => end.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  };

  /** Until we are told to stop; shards that were drained by a change of their count are followed by the new ones. */
  const followTopic = async (noted: NotedTopic): Promise<void> => {
    const { topic } = noted;
    for (let shards = noted.shards; ;) {
      await followAll(topic, shards);
      if (stopping || !patched('shards-change')) return;
      const now = await note(settings, { topic });
      const changed = now[0] === undefined ? undefined : await withShards(settings, now[0]);
      if (changed === undefined || changed.shards === shards) return;
      ({ shards } = changed);
    }
  };

  const topics = await note(settings, input.topic === undefined ? {} : { topic: input.topic });
  const ends = await Promise.allSettled(
    topics.map(async (noted) =>
      followTopic(noted.wanted === undefined ? noted : await withShards(settings, noted)),
    ),
  );
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return { counts, batches };
}

const note = async (settings: WorkflowSettings, input: NoteOffsetsInput): Promise<readonly NotedTopic[]> =>
  (await stages(settings).noteOffsets(input)).topics;
