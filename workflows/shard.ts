/** One shard of one topic: read a batch, persist it while the next is read, until told to stop. */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { addCounts, NO_COUNTS } from '../domain/stages.js';
import type {
  Account,
  ConsumeBatchInput,
  ConsumeBatchResult,
  Counts,
  IngestInput,
  IngestResult,
  PersistBatchResult,
  WorkflowSettings,
} from '../domain/stages.js';
import { stages } from './activities.js';
import { reason, spoolIsGone } from './failures.js';
import { accountQuery, stopSignal } from './shared.js';
import { batchSummary, details } from './words.js';

export interface ShardInput extends IngestInput {
  readonly topic: string;
  readonly shard: number;
  readonly shards: number;
}

/** A consumeBatch under way; `done` never rejects, so that a read-ahead may fail while nobody looks. */
interface Reading {
  readonly done: Promise<{ readonly consumed: ConsumeBatchResult } | { readonly failure: unknown }>;
  drop(): void;
}

export async function ingestShard(settings: WorkflowSettings, input: ShardInput): Promise<IngestResult> {
  const run = stages(settings);
  let counts: Counts = input.carried?.counts ?? NO_COUNTS;
  let batches = input.carried?.batches ?? 0;
  let next: Pick<ConsumeBatchInput, 'waitMs' | 'maxRecords'> = {};
  let lag: number | undefined;
  let stage = 'starting';
  let lastError: string | undefined;
  let stopping = false;

  const show = (now: string): void => {
    stage = now;
    setCurrentDetails(details({ counts, batches, stage, lag, lastError }));
  };
  setHandler(accountQuery, (): Account => ({ counts, batches, stage, children: [] }));

  /** From PostgreSQL's offsets, on any worker; what a chain begins with, and begins again with. */
  const readFromStored = (): Reading => read({}, undefined);
  /** The batch after this one; on the spool's own queue when read ahead. */
  const readOn = (from: ConsumeBatchResult, spoolQueue?: string): Reading =>
    read({ after: from.next }, spoolQueue);

  const read = (form: Partial<ConsumeBatchInput>, spoolQueue: string | undefined): Reading => {
    const scope = new CancellationScope();
    const request: ConsumeBatchInput = {
      topic: input.topic,
      shard: input.shard,
      shards: input.shards,
      ...(input.until === undefined ? {} : { until: input.until }),
      ...next,
      ...form,
    };
    const number = batches + (spoolQueue === undefined ? 1 : 2);
    const answer = scope.run(() =>
      run.consumeBatch(request, { number, ...(spoolQueue === undefined ? {} : { spoolQueue }) }),
    );
    return {
      done: answer.then(
        (consumed) => ({ consumed }),
        (failure: unknown) => ({ failure }),
      ),
      drop: () => {
        scope.cancel();
      },
    };
  };

  /** Where the files are; when they are gone, the same ranges are consumed again, wherever a worker is free. */
  const persist = async (consumed: ConsumeBatchResult): Promise<PersistBatchResult> => {
    let { batch, spoolQueue } = consumed;
    for (let again = 0; ; again += 1) {
      if (batch === undefined) throw new Error('an exact consumption answered without its batch');
      try {
        return await run.persistBatch(batch, { number: batches + 1, spoolQueue });
      } catch (error) {
        if (!spoolIsGone(error)) throw error;
        lastError = reason(error);
        show(`${batchSummary(batches + 1, batch)}: its files are gone, consuming the same ranges again`);
      }
      if (again > 0) await sleep(Math.min(again, 30) * 1000);
      const { sourceId, ranges } = batch;
      const { topic, shard, shards } = input;
      ({ batch, spoolQueue } = await run.consumeBatch(
        { topic, shard, shards, exact: { sourceId, ranges } },
        { number: batches + 1 },
      ));
    }
  };

  /** Carries counts alone: whatever was read ahead is persisted or dropped by now. */
  const renew = async (): Promise<IngestResult> => {
    await condition(allHandlersFinished);
    return continueAsNew<(input: IngestInput) => Promise<IngestResult>>({
      ...input,
      carried: { counts, batches },
    });
  };

  let reading = readFromStored();
  setHandler(stopSignal, () => {
    stopping = true;
    reading.drop();
  });
  show('reading the first batch');
  for (;;) {
    const answer = await reading.done;
    if (stopping) break;
    if ('failure' in answer) {
      if (!spoolIsGone(answer.failure)) throw answer.failure;
      lastError = reason(answer.failure);
      show('the worker that read ahead is gone: going on from the stored offsets');
      reading = readFromStored();
      continue;
    }
    const { consumed } = answer;
    next = { waitMs: consumed.waitMs, maxRecords: consumed.maxRecords };
    lag = consumed.lag;

    const renewing = workflowInfo().continueAsNewSuggested;
    if (consumed.batch === undefined) {
      if (consumed.reachedUntil) break;
      if (renewing) return renew();
      show('waiting for records');
      reading = readOn(consumed);
      continue;
    }

    show(`persisting ${batchSummary(batches + 1, consumed.batch)}`);
    const persisting = persist(consumed);
    const ahead = renewing || consumed.reachedUntil ? undefined : readOn(consumed, consumed.spoolQueue);
    if (ahead !== undefined) reading = ahead;
    const persisted = await persisting;
    if (persisted.outcome === 'fenced') {
      if (stopping) break;
      ahead?.drop();
      lastError = 'another writer moved the offsets';
      show('going on from the stored offsets');
      reading = readFromStored();
      continue;
    }
    counts = addCounts(counts, persisted.counts);
    batches += 1;
    show('reading');
    if (stopping || consumed.reachedUntil) break;
    if (ahead === undefined) return renew();
    if (persisted.draining === true && patched('draining')) {
      ahead.drop();
      show('the worker drains: going on from the stored offsets');
      reading = readFromStored();
    }
  }
  reading.drop();
  show(stopping ? 'stopped' : 'done');
  return { counts, batches, ...(stopping ? { stopped: true } : {}) };
}
