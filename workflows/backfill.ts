import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { eachDay, rangeId, rangeText, wholeDays } from '../domain/backfill/range.js';
import { addDay, addFailure, NOTHING_DONE } from '../domain/backfill/total.js';
import { NO_COUNTS } from '../domain/stages.js';
import type { BackfillInput, BackfillProgress, BackfillResult } from '../domain/backfill/result.js';
import type { Account, AggregationResult, IndexResult } from '../domain/stages.js';
import { readSettings, stages, type Stages } from './activities.js';
import { failureType, reason } from './failures.js';
import { knownInput, usage } from './inputs.js';
import { accountQuery, resumeSignal, tag } from './shared.js';
import { aFewTimes } from './tries.js';
import { backfillDetails, backfillStage, incompleteText } from './backfillWords.js';

export const progressQuery = defineQuery<BackfillProgress>('progress');
/** The day in hand is ended first; `resume` goes on. */
export const pauseSignal = defineSignal('pause');

/** A day leaves six events; Temporal ends a history at 51,200. */
const DAYS_PER_HISTORY = 366;
/** Documents follow on the way: one portion for all would outlast the patience with the index. */
const DAYS_PER_INDEXING = 16;
/** A server that is away for longer than an hour fails the day. */
const OUTAGE_ROUNDS = 30;
/** Errors that every other day would end with, too. */
const OF_EVERY_DAY = new Set([
  'Configuration',
  'FiguresOutdated',
  'SchemaMismatch',
  'ServerRefused',
  'Usage',
]);

/**
 * Recomputes the figures of whole days, one after the other, marked or not: `{}` is all days above the floor,
 * `{ from, to }` those from `from` up to, not including, `to`. A day that fails is noted, and the others are done.
 */
export async function backfill(input: BackfillInput = {}): Promise<BackfillResult> {
  const known: BackfillInput = knownInput('backfill', input, ['from', 'to', 'dryRun', 'carried']);
  const whole = wholeDays(known, { from: 'from', to: 'to' });
  if ('problem' in whole) throw usage(`backfill: ${whole.problem}`);
  if (!['boolean', 'undefined'].includes(typeof known.dryRun))
    throw usage(`backfill: dryRun: expected true or false, got ${JSON.stringify(known.dryRun)}`);
  const { days: range } = whole;
  const dryRun = known.dryRun === true;
  const settings = await readSettings();
  tag(settings, undefined, rangeId(range));
  const run = stages(settings);

  let total = known.carried?.total ?? NOTHING_DONE;
  let next = known.carried?.next ?? range.from;
  let paused = known.carried?.paused ?? false;
  let day: string | undefined;
  let daysLeft = 0;
  let stage = 'looking which days there are';
  const progress = (): BackfillProgress => ({
    ...{ ...total, range, dryRun, paused, daysLeft, stage },
    ...(day !== undefined && { day }),
    clicksPerSecond: total.ms === 0 ? 0 : Math.round((total.clicks * 1000) / total.ms),
  });
  const show = (now = stage): void => {
    stage = now;
    setCurrentDetails(backfillDetails(progress()));
  };
  setHandler(progressQuery, progress);
  setHandler(accountQuery, (): Account => ({
    counts: NO_COUNTS,
    batches: total.days,
    stage: backfillStage(progress()),
    children: [],
  }));
  setHandler(pauseSignal, () => {
    paused = true;
    show();
  });
  setHandler(resumeSignal, () => {
    paused = false;
    show();
  });

  let indexed: Indexed = {};
  let indexedAt = total.changed;
  let floor: string | undefined;
  let madeBy: string | undefined;
  let stopped: string | undefined;
  let tried = 0;
  try {
    show();
    pages: for (;;) {
      const plan = await run.planBackfill({ ...range, ...(next !== undefined && { from: next }) });
      ({ floor, settings: madeBy } = plan);
      if (floor !== undefined && range.to !== undefined && range.to <= floor)
        throw usage(
          `backfill: ${rangeText(range)}: expected days from ${floor} on, the floor of retention; the clicks of ` +
            'earlier days are gone, and their figures stay as they are',
        );
      daysLeft = plan.days;
      for (day of eachDay(plan.spans)) {
        if (tried >= DAYS_PER_HISTORY || workflowInfo().continueAsNewSuggested) {
          await condition(allHandlersFinished);
          return await continueAsNew<typeof backfill>({ ...known, carried: { total, next: day, paused } });
        }
        if (paused) show('paused');
        await condition(() => !paused);
        show('computing');
        const number = total.days + total.failedDays + 1;
        const where = { number, of: number - 1 + daysLeft };
        const outcome = await compute(run, { day, ...(dryRun && { dryRun }) }, where, show);
        if ('stopped' in outcome) {
          ({ stopped } = outcome);
          break pages;
        }
        total =
          'failed' in outcome ? addFailure(total, day, outcome.failed) : addDay(total, day, outcome.done);
        daysLeft -= 1;
        tried += 1;
        if (!dryRun && tried % DAYS_PER_INDEXING === 0 && total.changed > indexedAt) {
          show('indexing');
          indexed = await index(run, total.version);
          indexedAt = total.changed;
        }
      }
      if (plan.next === undefined) break;
      next = plan.next;
    }
    day = undefined;
    if (!dryRun) {
      show('indexing');
      indexed = await index(run, total.version);
    }
  } catch (error) {
    if (isCancellation(error))
      show(`cancelled: what is computed stays, and its documents follow with the next run`);
    throw error;
  }

  const result: BackfillResult = {
    outcome: outcomeOf(total.failedDays, stopped, indexed),
    ...{ ...total, range, dryRun, daysLeft },
    ...(floor !== undefined && (range.from ?? '') < floor && { floor }),
    ...(madeBy !== undefined && { settings: madeBy }),
    ...(stopped !== undefined && { stopped }),
    ...indexed,
  };
  show(result.outcome);
  if (stopped !== undefined || total.failedDays > 0)
    throw ApplicationFailure.create({
      type: 'BackfillIncomplete',
      message: incompleteText(result),
      nonRetryable: true,
      details: [result],
    });
  return result;
}

type Outcome =
  { readonly done: AggregationResult } | { readonly failed: string } | { readonly stopped: string };

/** One day. An outage of a server is waited out; what fails the day itself is told. */
async function compute(
  run: Stages,
  input: { readonly day: string; readonly dryRun?: boolean },
  where: { readonly number: number; readonly of: number },
  show: (stage: string) => void,
): Promise<Outcome> {
  for (let round = 1; ; round += 1) {
    try {
      return { done: await aFewTimes(() => run.computeDay(input, where), show) };
    } catch (error) {
      if (isCancellation(error)) throw error;
      const type = failureType(error) ?? '';
      if (OF_EVERY_DAY.has(type)) return { stopped: reason(error) };
      if (type !== 'ServerUnavailable' || round >= OUTAGE_ROUNDS) return { failed: reason(error) };
      show(`trying ${input.day} again in a minute: ${reason(error)}`);
      await sleep('1 minute');
      show('computing');
    }
  }
}

interface Indexed {
  readonly index?: IndexResult;
  readonly indexError?: string;
}

async function index(run: Stages, version: string | undefined): Promise<Indexed> {
  try {
    return { index: await run.indexMetrics({}, version) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { indexError: reason(error) };
  }
}

function outcomeOf(
  failedDays: number,
  stopped: string | undefined,
  { indexError }: Indexed,
): BackfillResult['outcome'] {
  if (stopped !== undefined) return 'stopped';
  if (failedDays > 0) return 'days failed';
  return indexError === undefined ? 'done' : 'done, index behind';
}
