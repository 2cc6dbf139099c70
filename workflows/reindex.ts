import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import { GRAINS } from '../domain/names.js';
import { NO_COUNTS } from '../domain/stages.js';
import type { Account, ReindexGrainResult, ReindexInput, ReindexResult } from '../domain/stages.js';
import { readSettings, stages } from './activities.js';
import { knownInput, usage } from './inputs.js';
import { accountQuery, tag } from './shared.js';
import { count } from './words.js';

/**
 * Builds the index anew from PostgreSQL's figures, one grain after the other. Searches find the old index until the
 * new one holds everything, and ingestion and aggregation go on meanwhile.
 */
export async function reindex(input: ReindexInput = {}): Promise<ReindexResult> {
  const { grains = GRAINS } = knownInput('reindex', input, ['grains']);
  const unknown = grains.filter((grain) => !GRAINS.includes(grain));
  if (unknown.length > 0 || grains.length === 0)
    throw usage(`reindex: grains: expected some of ${GRAINS.join(', ')}, got ${JSON.stringify(grains)}`);
  const settings = await readSettings();
  tag(settings);
  const run = stages(settings);
  const done: ReindexGrainResult[] = [];
  let stage = '';
  setHandler(accountQuery, (): Account => ({ counts: NO_COUNTS, batches: 0, stage, children: [] }));
  const show = (now: string): void => {
    stage = now;
    setCurrentDetails(describe(done, now));
  };

  for (const grain of new Set(grains)) {
    show(`building the index of ${grain}`);
    done.push(await run.reindexGrain({ grain }));
  }
  show('done; the old indices are kept: `clickstream reindex drop-old` deletes them');
  const sum = (of: (one: ReindexGrainResult) => number): number => done.reduce((n, one) => n + of(one), 0);
  return {
    grains: done,
    documents: sum((one) => one.documents),
    rejected: sum((one) => one.rejected),
    ms: sum((one) => one.ms),
  };
}

const describe = (done: readonly ReindexGrainResult[], stage: string): string =>
  [
    '| grain | new index | documents | rejected | replaced |',
    '|--|--|--:|--:|--|',
    ...done.map(
      (one) =>
        `| ${one.grain} | ${one.index} | ${count(one.documents)} | ${count(one.rejected)} | ${one.replaced} |`,
    ),
    '',
    stage,
  ].join('\n');
