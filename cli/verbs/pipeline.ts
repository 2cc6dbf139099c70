import { mappingFingerprint, otherMapping } from '../../clients/settings/fingerprint.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { uiLink } from '../../clients/temporal/index.js';
import type { TemporalClient } from '../../clients/temporal/index.js';
import type { Account, NotedOffsets, PipelineResult } from '../../domain/stages.js';
import { counted } from '../format/numbers.js';
import { retentionText } from '../format/retention.js';
import { loadConfig } from '../loadConfig.js';
import { currentEnds, reaches } from '../support/noted.js';
import { equation, follow, startPipeline, withTemporal, tellStarted } from '../support/runs.js';
import { examples, ExitCode, exitCodes, type CliContext, type Command } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('pipeline')
    .description('the whole chain, up to what Kafka holds now: ingest, aggregate, index; waits')
    .option('--no-wait', 'start (or find) the run, print it, and return')
    .addHelpText(
      'after',
      '\nA run under way is joined; if it noted lower offsets than Kafka has now, another is run after it.' +
        '\nCtrl-C stops the waiting, not the run.',
    )
    .addHelpText(
      'after',
      examples(['clickstream pipeline', 'clickstream pipeline --no-wait', 'clickstream pipeline --json']),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'everything noted is in PostgreSQL and in the index',
        2: 'usage or configuration',
        3: 'Temporal (or Kafka) is unreachable',
        4: 'the run failed, or ended as `aggregated, index behind`',
        130: 'interrupted; the run goes on',
      }),
    )
    .action(async (options: { wait: boolean }) => {
      const settings = await loadConfig({ config: ctx.config });
      await withTemporal(settings, (temporal) =>
        options.wait
          ? runAndWait(ctx, settings, temporal)
          : startPipeline(settings, temporal).then((run) => tellStarted(ctx, settings, temporal, run)),
      );
    });
}

async function runAndWait(ctx: CliContext, settings: Settings, temporal: TemporalClient): Promise<void> {
  let run = await startPipeline(settings, temporal);
  // Asked now: what Kafka holds at this moment is what the caller wants to see in the index.
  const wanted: NotedOffsets | undefined = run.joined ? await currentEnds(settings) : undefined;
  const tellMapping = mappingTeller(ctx, settings);
  const onAccount = ({ noted }: Account): void => tellMapping(noted);
  let result = await follow<PipelineResult>(ctx, settings, temporal, run, { onAccount });
  if (wanted !== undefined && !reaches(result.noted, wanted)) {
    ctx.progress('the run that was under way had noted lower offsets: one more');
    run = await startPipeline(settings, temporal);
    result = await follow<PipelineResult>(ctx, settings, temporal, run, { onAccount });
  }
  tellMapping(result.noted);
  const { workflowId, runId } = run;
  const link = uiLink(settings.servers, temporal.target.namespace, { workflowId, runId });
  ctx.result({ workflowId, runId, link, ...result }, summary(result));
  if (result.analyze.outcome !== 'indexed') ctx.exit(ExitCode.Workflow);
}

/** Says once that the worker runs another mapping: whoever mends the file and forgets the worker would wonder. */
function mappingTeller(ctx: CliContext, { config }: Settings): (noted: NotedOffsets | undefined) => void {
  const own = mappingFingerprint(config);
  let told = false;
  return (noted) => {
    if (told || noted?.mapping === undefined || noted.mapping === own) return;
    told = true;
    ctx.progress(
      `${otherMapping(config, noted.mapping, own)}; what this run ingests is of the worker's mapping`,
    );
  };
}

/** The run in three lines. */
function summary({ ingest, analyze }: PipelineResult): string {
  const { aggregation: sum, index, indexError } = analyze;
  const n = (value: number): string => value.toLocaleString('en-US');
  return (
    [
      `${equation(ingest.counts)}  in ${n(ingest.batches)} ${ingest.batches === 1 ? 'batch' : 'batches'}`,
      `${counted(sum.changed, 'figure')} changed from ${counted(sum.clicks, 'click')} of ${counted(sum.hours, 'hour')}  in ${n(sum.ms)} ms`,
      index === undefined
        ? `aggregated, index behind: ${indexError ?? 'unknown'}; the next run catches up`
        : `${counted(index.indexed, 'document')} written  in ${n(index.ms)} ms${index.rejected === 0 ? '' : `, ${n(index.rejected)} rejected`}`,
    ].join('\n') + retentionText(analyze)
  );
}
