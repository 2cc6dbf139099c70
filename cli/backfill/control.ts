/** `backfill pause`, `resume` and `cancel`: what is said to one that runs. */
import type { DayRange } from '../../domain/backfill/range.js';
import { rangeId } from '../../domain/backfill/range.js';
import {
  backfillProgress,
  cancelBackfill,
  running,
  signal,
  type TemporalClient,
} from '../../clients/temporal/index.js';
import { UsageError } from '../../domain/errors.js';
import { backfillWorkflowId } from '../../domain/names.js';
import { loadConfig } from '../loadConfig.js';
import { WorkflowFailed } from '../support/failure.js';
import { interruptible, resultOf, withTemporal } from '../support/runs.js';
import type { CliContext } from '../support/verb.js';
import { progressText } from './report.js';

/** Which backfill; all absent: the one that runs. */
export interface Choice {
  readonly range: DayRange;
  readonly dryRun: boolean;
}

/** Its `progress` tells at once what a signal changed. */
export async function tellBackfill(ctx: CliContext, choice: Choice, what: 'pause' | 'resume'): Promise<void> {
  const settings = await loadConfig({ config: ctx.config });
  await withTemporal(settings, async (temporal) => {
    const workflowId = await chosen(temporal, settings.config.name, choice);
    if (workflowId === undefined || !(await signal(temporal, workflowId, what))) {
      ctx.result({ workflowId, running: false }, notRunning(workflowId));
      return;
    }
    const now = await interruptible(ctx.signal, backfillProgress(temporal, workflowId));
    const day = now?.day === undefined ? '' : ` after ${now.day}, the day in hand`;
    const ending = now?.daysLeft === 0 && now.day === undefined;
    const does = what === 'resume' ? 'goes on' : ending ? 'has no day left to pause before' : `pauses${day}`;
    ctx.result({ workflowId, running: true, ...now }, `${workflowId} ${does}: ${progressText(now)}`);
  });
}

export async function endBackfill(ctx: CliContext, choice: Choice): Promise<void> {
  const settings = await loadConfig({ config: ctx.config });
  await withTemporal(settings, async (temporal) => {
    const workflowId = await chosen(temporal, settings.config.name, choice);
    if (workflowId === undefined || !(await cancelBackfill(temporal, workflowId))) {
      ctx.result({ workflowId, running: false }, notRunning(workflowId));
      return;
    }
    ctx.progress(`told ${workflowId} to end; waiting until the day in hand is given up`);
    await interruptible(ctx.signal, resultOf(temporal.client.workflow.getHandle(workflowId))).catch(
      (error: unknown) => {
        if (!(error instanceof WorkflowFailed)) throw error;
      },
    );
    const now = await backfillProgress(temporal, workflowId);
    ctx.result(
      { workflowId, running: false, ...now },
      `ended ${workflowId}: ${progressText(now)}; what is computed stays, and its documents follow with the next run`,
    );
  });
}

const notRunning = (workflowId: string | undefined): string =>
  workflowId === undefined ? 'no backfill runs' : `${workflowId} does not run`;

/** @throws UsageError where several run and none was chosen */
async function chosen(
  temporal: TemporalClient,
  name: string,
  { range, dryRun }: Choice,
): Promise<string | undefined> {
  if (dryRun || range.from !== undefined || range.to !== undefined)
    return backfillWorkflowId(name, rangeId(range), dryRun);
  const ids = await running(temporal, name, 'backfill');
  if (ids.length > 1)
    throw new UsageError(
      `several backfills run; say which by its --from, --to and --dry-run: ${ids.join(', ')}`,
    );
  return ids[0];
}
