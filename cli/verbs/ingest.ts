import { pollers, signal, startOrJoin, uiLink } from '../../clients/temporal/index.js';
import { ingestWorkflowId, workflowQueue } from '../../domain/names.js';
import type { IngestResult } from '../../domain/stages.js';
import { registerSkip } from '../ingest/skipVerb.js';
import { loadConfig } from '../loadConfig.js';
import { equation, withTemporal } from '../support/runs.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const CODES = {
  0: 'done',
  2: 'usage or configuration',
  3: 'Temporal is unreachable',
  130: 'interrupted',
};

export function register(program: Command, ctx: CliContext): void {
  const ingest = program
    .command('ingest')
    .description('continuous ingestion, Kafka → PostgreSQL within seconds; going on past a gap')
    .addHelpText(
      'after',
      examples(['clickstream ingest start', 'clickstream ingest stop', 'clickstream ingest skip --help']),
    )
    .addHelpText('after', exitCodes(CODES));

  ingest
    .command('start')
    .description('start it (one workflow per topic and shard); changes nothing when it runs already')
    .addHelpText('after', '\nBeside it, let the schedule run `analyze`: analyze.workflow: analyze.')
    .addHelpText('after', examples(['clickstream ingest start']))
    .addHelpText('after', exitCodes(CODES))
    .action(() => startIngest(ctx));

  ingest
    .command('stop')
    .description('persist the batches in hand, then end; waits for it')
    .addHelpText('after', examples(['clickstream ingest stop']))
    .addHelpText('after', exitCodes(CODES))
    .action(() => stopIngest(ctx));

  registerSkip(ingest, ctx);
}

async function startIngest(ctx: CliContext): Promise<void> {
  const settings = await loadConfig({ config: ctx.config });
  const { name } = settings.config;
  await withTemporal(settings, async (temporal) => {
    const run = await startOrJoin(temporal, name, {
      type: 'ingest',
      workflowId: ingestWorkflowId(name),
      input: {},
      summary: 'Kafka → PostgreSQL, continuously, every topic and shard',
    });
    const { workflowId, runId, joined } = run;
    if ((await pollers(temporal, workflowQueue(name), 'workflow')) === 0)
      ctx.progress(
        `nobody polls the task queue ${workflowQueue(name)} yet: start \`npx clickstream worker\``,
      );
    const link = uiLink(settings.servers, temporal.target.namespace, run);
    ctx.result(
      { workflowId, runId, joined, link },
      `${joined ? 'running already' : 'started'}: ${workflowId}${link === undefined ? '' : `  ${link}`}`,
    );
  });
}

async function stopIngest(ctx: CliContext): Promise<void> {
  const settings = await loadConfig({ config: ctx.config });
  const workflowId = ingestWorkflowId(settings.config.name);
  await withTemporal(settings, async (temporal) => {
    if (!(await signal(temporal, workflowId, 'stop'))) {
      ctx.result({ workflowId, stopped: false }, `${workflowId} does not run`);
      return;
    }
    ctx.progress(`told ${workflowId} to stop; waiting for the batches in hand`);
    const handle = temporal.client.workflow.getHandle(workflowId);
    const interrupted = new Promise<never>((_, reject) => {
      ctx.signal.addEventListener('abort', () => {
        reject(ctx.signal.reason as Error);
      });
    });
    const result = (await Promise.race([handle.result(), interrupted])) as IngestResult;
    ctx.result({ workflowId, stopped: true, ...result }, `stopped: ${equation(result.counts)}`);
  });
}
