import {
  allHandlersFinished,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { addCounts, NO_COUNTS } from '../domain/stages.js';
import type { Account, ReplayInput, ReplayPage, ReplayResult, ReplaySelection } from '../domain/stages.js';
import { readSettings, stages } from './activities.js';
import { knownInput } from './inputs.js';
import { accountQuery, tag } from './shared.js';
import { count } from './words.js';

/**
 * Dead letters through the pipeline again, under the configuration that the workers run now: those that pass become
 * clicks, duplicates or filtered records, all others stay as they are. `{}`: all of them.
 */
export async function replay(input: ReplayInput = {}): Promise<ReplayResult> {
  const known = knownInput('replay', input, [
    'reason',
    'field',
    'ids',
    'from',
    'to',
    'fingerprint',
    'carried',
  ]);
  const { carried, fingerprint, ...selection }: ReplayInput = known;
  const settings = await readSettings();
  tag(settings);
  const run = stages(settings);
  let { counts, examined, pages }: ReplayResult = carried ?? { counts: NO_COUNTS, examined: 0, pages: 0 };
  let next: ReplayPage | undefined = carried?.next;
  let upTo = carried?.upTo;
  let stage = 'looking for dead letters';
  setHandler(accountQuery, (): Account => ({ counts, batches: pages, stage, children: [] }));
  const show = (now: string): void => {
    stage = now;
    setCurrentDetails(describe({ counts, examined, pages }, selection, stage));
  };
  const call = async (page: ReplayPage | undefined): Promise<void> => {
    const request = {
      selection,
      ...(fingerprint === undefined ? {} : { fingerprint }),
      ...(upTo === undefined ? {} : { upTo }),
      ...(page === undefined ? {} : { page }),
    };
    const answer = await run.replayDeadLetters(request, pages + 1);
    counts = addCounts(counts, answer.counts);
    ({ next, upTo } = { next: answer.next, upTo: answer.upTo });
  };

  show(stage);
  if (carried === undefined) await call(undefined);
  while (next !== undefined) {
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      return continueAsNew<typeof replay>({
        ...known,
        carried: { counts, examined, pages, next, upTo: upTo ?? next.to },
      });
    }
    const page: ReplayPage = next;
    show(`replaying ${count(page.letters)} dead letters up to ${page.to}, ${count(examined)} are done`);
    await call(page);
    examined += page.letters;
    pages += 1;
  }
  show('done');
  return { counts, examined, pages };
}

function describe(result: ReplayResult, selection: ReplaySelection, stage: string): string {
  const { persisted, duplicates, filtered, deadLetters } = result.counts;
  const cells = [result.examined, persisted, duplicates, filtered, result.examined + deadLetters].map(count);
  const { reason, field, ids, from, to } = selection;
  const wanted = [
    ...(reason === undefined ? [] : [`reason ${reason}`]),
    ...(field === undefined ? [] : [`field ${field}`]),
    ...(ids === undefined ? [] : [`${count(ids.length)} numbers`]),
    ...(from === undefined ? [] : [`rejected from ${from}`]),
    ...(to === undefined ? [] : [`rejected before ${to}`]),
  ];
  return [
    '| dead letters | clicks | duplicates | filtered | stay |',
    '|--:|--:|--:|--:|--:|',
    `| ${cells.join(' | ')} |`,
    '',
    wanted.length === 0 ? 'All of them.' : `Only: ${wanted.join(', ')}.`,
    '',
    stage,
  ].join('\n');
}
