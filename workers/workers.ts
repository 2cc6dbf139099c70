import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from '@temporalio/worker';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { createApplyRetention } from '../activities/applyRetention.js';
import { createAwaitOffsets } from '../activities/awaitOffsets.js';
import { createChangeShards } from '../activities/changeShards.js';
import { createConsumeBatch } from '../activities/consumeBatch.js';
import { createIndexMetrics } from '../activities/indexMetrics.js';
import { createNoteOffsets } from '../activities/noteOffsets.js';
import { createPersistBatch } from '../activities/persistBatch.js';
import { createPlanBackfill } from '../activities/planBackfill.js';
import { createReindexGrain } from '../activities/reindexGrain.js';
import { createReplayDeadLetters } from '../activities/replayDeadLetters.js';
import { createRunSparkAggregation } from '../activities/runSparkAggregation.js';
import { projectRoot } from '../clients/settings/loadConfig.js';
import { connectTemporal } from '../clients/temporal/index.js';
import type { WorkflowSettings } from '../domain/stages.js';
import type { Clients } from './clients.js';
import type { Queue } from './queues.js';

/** After its grace an activity is cancelled; one that ignores that is left behind so much later. */
const FORCE_AFTER_MS = 20_000;

/** Made by the build; a worker that had to bundle would be ready four seconds later. */
const workflowBundle = { codePath: join(projectRoot(), 'dist/workflow-bundle.js') };

/** A queue's worker, and how long a drain lets it poll on, ms. */
export interface Polling {
  readonly worker: Worker;
  readonly lingerMs: number;
}

/** One Worker per queue, all in this process, over one connection. */
export function createWorkers(
  connection: NativeConnection,
  namespace: string,
  queues: readonly Queue[],
  clients: Clients,
  readSettings: () => Promise<WorkflowSettings>,
): Promise<Polling[]> {
  // One for all queues: its shards share memory.
  const consumeBatch = clients.ingest && createConsumeBatch(clients.ingest);
  return Promise.all(
    queues.map(async (queue) => {
      const worker = await Worker.create({
        connection,
        namespace,
        taskQueue: queue.taskQueue,
        maxConcurrentActivityTaskExecutions: queue.slots,
        shutdownGraceTime: queue.graceMs,
        shutdownForceTime: queue.graceMs + FORCE_AFTER_MS,
        ...workOf(queue, clients, consumeBatch, readSettings),
      });
      return { worker, lingerMs: queue.lingerMs ?? 0 };
    }),
  );
}

function workOf(
  { kind }: Queue,
  { ingest, analyze }: Clients,
  consumeBatch: ReturnType<typeof createConsumeBatch> | undefined,
  readSettings: () => Promise<WorkflowSettings>,
): Partial<WorkerOptions> {
  switch (kind) {
    case 'workflows':
      return { workflowBundle, activities: { readSettings }, enableNonLocalActivities: false };
    case 'spool':
      if (ingest === undefined || consumeBatch === undefined) return {};
      return {
        activities: { consumeBatch, persistBatch: createPersistBatch(ingest) },
      };
    case 'ingest':
      if (ingest === undefined || consumeBatch === undefined) return {};
      return {
        activities: {
          noteOffsets: createNoteOffsets(ingest),
          awaitOffsets: createAwaitOffsets(ingest),
          replayDeadLetters: createReplayDeadLetters(ingest),
          changeShards: createChangeShards(ingest, () => connectTemporal(ingest.servers)),
          consumeBatch,
        },
      };
    case 'analyze':
      if (analyze === undefined) return {};
      return {
        activities: {
          runSparkAggregation: createRunSparkAggregation(analyze),
          planBackfill: createPlanBackfill(analyze),
          indexMetrics: createIndexMetrics(analyze),
          reindexGrain: createReindexGrain(analyze),
          applyRetention: createApplyRetention(analyze),
        },
      };
  }
}

/**
 * Runs all until told to drain; resolves when each has finished what it had in hand. One that fails drains the
 * others, and its error is thrown.
 */
export async function runUntilDrained(
  workers: readonly Polling[],
  draining: AbortSignal,
  onReady: () => void,
): Promise<void> {
  const stop = async ({ worker, lingerMs }: Polling): Promise<void> => {
    await sleep(lingerMs);
    if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const drain = (): void => {
    for (const polling of workers) void stop(polling);
  };
  const running = workers.map(({ worker }) => worker.run());
  const watched = running.map((run) => run.catch(drain));
  onReady();
  if (draining.aborted) drain();
  draining.addEventListener('abort', drain);
  await Promise.all(watched);
  await Promise.all(running);
}
