import {
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { NO_COUNTS } from '../domain/stages.js';
import type {
  Account,
  AggregationResult,
  AggregationTotal,
  AnalyzeInput,
  AnalyzeResult,
} from '../domain/stages.js';
import { readSettings, stages, type Stages } from './activities.js';
import { reason } from './failures.js';
import { knownInput } from './inputs.js';
import { accountQuery, tag } from './shared.js';
import { aFewTimes } from './tries.js';
import { count } from './words.js';

/**
 * PostgreSQL → Spark → figures → Elasticsearch: aggregates until no hour is marked, then brings the index level and
 * drops what is past its retention.
 * An index that stays away ends the run as `aggregated, index behind`; the next run catches up.
 */
export async function analyze(input: AnalyzeInput = {}): Promise<AnalyzeResult> {
  const { carried } = knownInput('analyze', input, ['carried']);
  const settings = await readSettings();
  tag(settings);
  const run = stages(settings);
  let total: AggregationTotal = carried ?? NOTHING;
  let stage = 'aggregating';
  setHandler(accountQuery, (): Account => ({ counts: NO_COUNTS, batches: 0, stage, children: [] }));
  const show = (now: string): void => {
    stage = now;
    setCurrentDetails(describe(total, stage));
  };

  show('aggregating');
  do {
    total = add(total, await aggregateOnce(run, total, show));
    show(`aggregating, ${count(total.marksLeft)} marked hours left`);
    if (total.marksLeft > 0 && workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      return continueAsNew<typeof analyze>({ carried: total });
    }
  } while (total.marksLeft > 0);

  show('indexing');
  const indexed = await indexFigures(run, total);
  const end =
    indexed.index === undefined
      ? `aggregated, index behind: ${indexed.indexError ?? 'unknown'}`
      : `indexed: ${count(indexed.index.indexed)} documents written, ${count(indexed.index.rejected)} rejected`;
  show(end);
  if (settings.retention !== true) return indexed;

  show(`${end}; applying retention`);
  const retired = await retire(run);
  show(end);
  return { ...indexed, ...retired };
}

/** Figures that earlier runs have made are not kept from the index by one that fails. */
async function aggregateOnce(
  run: Stages,
  before: AggregationTotal,
  show: (stage: string) => void,
): Promise<AggregationResult> {
  try {
    return await aFewTimes(() => run.runSparkAggregation({}, before.runs + 1), show);
  } catch (error) {
    if (!isCancellation(error) && before.changed > 0) {
      show(`indexing what was computed before this failed: ${reason(error)}`);
      await indexFigures(run, before);
    }
    throw error;
  }
}

async function indexFigures(run: Stages, aggregation: AggregationTotal): Promise<AnalyzeResult> {
  try {
    const index = await run.indexMetrics({}, aggregation.version);
    return { outcome: 'indexed', aggregation, index };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { outcome: 'aggregated, index behind', aggregation, indexError: reason(error) };
  }
}

/** Figures and index are what a run is for: it does not fail because old rows are still there. */
async function retire(run: Stages): Promise<Pick<AnalyzeResult, 'retention' | 'retentionError'>> {
  try {
    return { retention: await run.applyRetention({}) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { retentionError: reason(error) };
  }
}

const NOTHING: AggregationTotal = {
  runs: 0,
  hours: 0,
  clicks: 0,
  changed: 0,
  vanished: 0,
  unchanged: 0,
  marksLeft: 0,
  ms: 0,
};

function add(total: AggregationTotal, run: AggregationResult): AggregationTotal {
  const version = run.version ?? total.version;
  return {
    runs: total.runs + 1,
    hours: total.hours + run.hours,
    clicks: total.clicks + run.clicks,
    changed: total.changed + run.changed,
    vanished: total.vanished + run.vanished,
    unchanged: total.unchanged + run.unchanged,
    marksLeft: run.marksLeft,
    ms: total.ms + run.ms,
    ...(version === undefined ? {} : { version }),
  };
}

const describe = (total: AggregationTotal, stage: string): string =>
  [
    '| runs | hours | clicks read | figures changed | vanished | unchanged | version |',
    '|--:|--:|--:|--:|--:|--:|--:|',
    `| ${[total.runs, total.hours, total.clicks, total.changed, total.vanished, total.unchanged].map(count).join(' | ')} | ${total.version ?? '–'} |`,
    '',
    stage,
  ].join('\n');
