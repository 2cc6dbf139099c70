import { startOrJoin } from '../../clients/temporal/index.js';
import { analyzeQueue, analyzeWorkflowId, workflowQueue } from '../../domain/names.js';
import type { AnalyzeResult } from '../../domain/stages.js';
import { counted } from '../format/numbers.js';
import { retentionText } from '../format/retention.js';
import { loadConfig } from '../loadConfig.js';
import { follow, tellStarted, withTemporal } from '../support/runs.js';
import { examples, ExitCode, exitCodes, type CliContext, type Command } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('analyze')
    .description('aggregate the marked hours, bring the index level, drop what is past its retention; waits')
    .option('--no-wait', 'start (or find) the run, print it, and return')
    .addHelpText('after', '\nA run under way is joined. Ctrl-C stops the waiting, not the run.')
    .addHelpText('after', examples(['clickstream analyze', 'clickstream analyze --json']))
    .addHelpText(
      'after',
      exitCodes({
        0: 'no hour is marked, the index is level',
        2: 'usage or configuration',
        3: 'Temporal is unreachable',
        4: 'the run failed, or ended as `aggregated, index behind`',
        130: 'interrupted; the run goes on',
      }),
    )
    .action(async (options: { wait: boolean }) => {
      const settings = await loadConfig({ config: ctx.config });
      const { name } = settings.config;
      await withTemporal(settings, async (temporal) => {
        const run = await startOrJoin(temporal, name, {
          type: 'analyze',
          workflowId: analyzeWorkflowId(name),
          input: {},
          summary: 'marked hours → Spark → figures → Elasticsearch',
        });
        if (!options.wait) {
          tellStarted(ctx, settings, temporal, run);
          return;
        }
        const { workflowId, runId } = run;
        const queues = [workflowQueue(name), analyzeQueue(name)];
        const result = await follow<AnalyzeResult>(ctx, settings, temporal, run, { queues });
        const { aggregation: sum, outcome, indexError } = result;
        const n = (value: number): string => value.toLocaleString('en-US');
        ctx.result(
          { workflowId, runId, ...result },
          `${outcome}${indexError === undefined ? '' : ` (${indexError})`}: ${counted(sum.changed, 'figure')} changed from ${counted(sum.clicks, 'click')} of ${counted(sum.hours, 'hour')} in ${n(sum.ms)} ms${retentionText(result)}`,
        );
        if (outcome !== 'indexed') ctx.exit(ExitCode.Workflow);
      });
    });
}
