import { condition, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { addCounts, NO_COUNTS } from '../domain/stages.js';
import type { Account, IngestInput, IngestResult, WorkflowSettings } from '../domain/stages.js';
import { readSettings, stages } from './activities.js';
import { isHeld, reason } from './failures.js';
import { knownInput, usage } from './inputs.js';
import { accountQuery, startShard, stopSignal, tag } from './shared.js';
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
  const { topics } = await stages(settings).noteOffsets({ topic });
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
  const children = new Map<string, IngestChild>();

  const account = (): Account => ({
    counts,
    batches,
    stage: stopping ? 'stopping' : `following ${children.size} ${children.size === 1 ? 'shard' : 'shards'}`,
    children: [...children.keys()],
  });
  const show = (): void => {
    const { stage } = account();
    const list = [...children.keys()].map((id) => `- ${id}`).join('\n');
    setCurrentDetails(`${details({ counts, batches, stage, lastError })}\n\n${list}`);
  };
  setHandler(accountQuery, account);
  setHandler(stopSignal, async () => {
    stopping = true;
    // One that has just ended cannot be told, and need not be.
    await Promise.allSettled([...children.values()].map((child) => child.signal(stopSignal)));
  });

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
        if (!isHeld(error)) {
          lastError = `${topic}, shard ${shard}: ${reason(error)}`;
          show();
          throw error;
        }
        await condition(() => stopping, HELD_AGAIN);
      }
    }
  };

  const { topics } = await stages(settings).noteOffsets(
    input.topic === undefined ? {} : { topic: input.topic },
  );
  // One shard that fails must not end the others: they are followed to their own end first.
  const ends = await Promise.allSettled(
    topics.flatMap(({ topic, shards }) =>
      Array.from({ length: shards }, (_, shard) => follow(topic, shard, shards)),
    ),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return { counts, batches };
}
