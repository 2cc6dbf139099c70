import { aggregateFingerprint } from '../../clients/postgres/aggregate/settings.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { startOrJoin, uiLink, type TemporalClient } from '../../clients/temporal/index.js';
import { rangeId, rangeText, wholeDays, type DayRange } from '../../domain/backfill/range.js';
import type { BackfillResult } from '../../domain/backfill/result.js';
import type { Config } from '../../domain/config/config.js';
import { UsageError } from '../../domain/errors.js';
import { analyzeQueue, backfillWorkflowId, workflowQueue } from '../../domain/names.js';
import { endBackfill, tellBackfill, type Choice } from '../backfill/control.js';
import { resultText, roundedText } from '../backfill/report.js';
import { loadConfig } from '../loadConfig.js';
import { withConfig } from '../support/commands.js';
import { failureOf, WorkflowFailed } from '../support/failure.js';
import { follow, tellStarted, withTemporal } from '../support/runs.js';
import { examples, ExitCode, exitCodes, type CliContext, type Command } from '../support/verb.js';

interface Options {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

const CODES = {
  0: 'done: figures and documents are those of the rows',
  2: 'usage or configuration, or a range that is frozen',
  3: 'Temporal is unreachable',
  4: 'days failed (they are named), the run failed, or the index is behind',
  130: 'interrupted; the run goes on',
};
const CONTROL_CODES = { 0: 'done, or none runs', 2: 'usage or configuration', 3: 'Temporal is unreachable' };

export function register(program: Command, ctx: CliContext): void {
  const backfill = program
    .command('backfill')
    .description('compute the figures of whole days again, day by day, and index what changed; waits')
    .option('--from <time>', 'from this UTC day on (default: from the floor of retention)')
    .option('--to <time>', 'up to, not including, this UTC day (default: to the newest)')
    .option('--dry-run', 'say how many figures would change, per day and in all, and change nothing')
    .option('--no-wait', 'start (or find) the run, print it, and return')
    .addHelpText(
      'after',
      '\nWithout --from and --to: all days above the floor. Times within a day are widened to whole UTC days.' +
        '\nFor rows that were changed by hand, and for a changed session time-out or role: then all days are needed,' +
        '\nand runs of marked hours are refused until the last of them is done.' +
        '\nRuns of marked hours come first. A day that fails is named at the end, and the others are done all the same.' +
        '\nA second time it changes nothing. The same command joins a run under way; Ctrl-C stops the waiting alone.' +
        '\nA month’s or a total’s figure counts as changed once with each day that changes it.',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream backfill --from 2026-11-01 --to 2026-12-01 --dry-run',
        'clickstream backfill --from 2026-11-25 --to 2026-11-26',
        'clickstream backfill --no-wait',
        'clickstream backfill pause',
        'clickstream backfill cancel --from 2026-11-01 --to 2026-12-01',
      ]),
    )
    .addHelpText('after', exitCodes(CODES))
    .action(async (options: Options) => {
      const { range, dryRun } = choiceOf(ctx, options);
      const settings = await loadConfig({ config: ctx.config });
      await withTemporal(settings, (temporal) => run(ctx, settings, temporal, range, dryRun, options.wait));
    });

  const control = (verb: string, does: string, act: (choice: Choice) => Promise<void>): void => {
    backfill
      .command(verb)
      .description(does)
      .addHelpText(
        'after',
        '\n--from, --to and --dry-run say which one; without them it is the one that runs.',
      )
      .addHelpText('after', examples([`clickstream backfill ${verb}`]))
      .addHelpText('after', exitCodes(CONTROL_CODES))
      .action((_: unknown, command: Command) => act(choiceOf(ctx, command.optsWithGlobals<Options>())));
  };
  control('pause', 'end the day in hand, then wait', (choice) => tellBackfill(ctx, choice, 'pause'));
  control('resume', 'go on after a pause', (choice) => tellBackfill(ctx, choice, 'resume'));
  control('cancel', 'end it; what is computed stays, the day in hand is undone', (choice) =>
    endBackfill(ctx, choice),
  );
}

/** Whoever changes the session time-out or a role and forgets the worker would wonder that no figure changes. */
function otherSettings(config: Config, worker: string | undefined): string | undefined {
  const own = aggregateFingerprint(config);
  if (worker === undefined || worker === own) return undefined;
  const [workers, ours] = [worker.split(' '), own.split(' ')];
  return (
    `the worker computes with other settings (${workers.filter((part) => !ours.includes(part)).join(', ')}) than the ` +
    `command (${ours.filter((part) => !workers.includes(part)).join(', ')}): restart all workers of ${config.name} ` +
    'with the configuration file that the command reads, then backfill again'
  );
}

/** @throws UsageError naming the option */
function choiceOf(ctx: CliContext, { from, to, dryRun = false }: Options): Choice {
  const whole = wholeDays({ from, to }, { from: '--from', to: '--to' });
  if ('problem' in whole) throw new UsageError(whole.problem);
  if (whole.rounded) ctx.progress(roundedText(whole.days));
  return { range: whole.days, dryRun };
}

async function run(
  ctx: CliContext,
  settings: Settings,
  temporal: TemporalClient,
  range: DayRange,
  dryRun: boolean,
  wait: boolean,
): Promise<void> {
  const { name } = settings.config;
  const started = await startOrJoin(temporal, name, {
    type: 'backfill',
    workflowId: backfillWorkflowId(name, rangeId(range), dryRun),
    input: { ...range, ...(dryRun && { dryRun }) },
    summary: `figures of ${rangeText(range)}${dryRun ? ': what would change' : ' again'}`,
  });
  if (!wait) {
    tellStarted(ctx, settings, temporal, started);
    return;
  }
  const { workflowId, runId } = started;
  const link = uiLink(settings.servers, temporal.target.namespace, started);
  const queues = [workflowQueue(name), analyzeQueue(name)];
  const goesOn = 'the same command follows it again, `clickstream backfill cancel` ends it';
  try {
    const result = await follow<BackfillResult>(ctx, settings, temporal, started, { queues, goesOn });
    ctx.result({ workflowId, runId, link, ...result }, withConfig(resultText(result), ctx.config));
    const other = otherSettings(settings.config, result.settings);
    if (other !== undefined) ctx.progress(other);
    if (result.outcome !== 'done') ctx.exit(ExitCode.Workflow);
  } catch (error) {
    if (!(error instanceof WorkflowFailed)) throw error;
    const failure = failureOf(error);
    if (failure?.type === 'Usage') throw new UsageError(failure.message, { cause: error });
    const result =
      failure?.type === 'BackfillIncomplete' ? (failure.details?.[0] as BackfillResult) : undefined;
    if (result === undefined) throw error;
    ctx.result({ workflowId, runId, link, ...result }, withConfig(resultText(result), ctx.config));
    ctx.exit(ExitCode.Workflow);
  }
}
