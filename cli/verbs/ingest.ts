import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { accountOf, pollers, signal, startOrJoin, uiLink } from '../../clients/temporal/index.js';
import { ingestWorkflowId, workflowQueue } from '../../domain/names.js';
import type { IngestResult } from '../../domain/stages.js';
import { changedShards } from '../ingest/shards.js';
import { registerSkip } from '../ingest/skipVerb.js';
import { loadConfig } from '../loadConfig.js';
import { WorkflowFailed } from '../support/failure.js';
import { equation, interruptible, resultOf, withTemporal } from '../support/runs.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const CODES = {
  0: 'done',
  2: 'usage or configuration',
  3: 'a server is unreachable',
  4: 'it had failed, and says with what',
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
    .description('start it (one workflow per topic and shard), or start shards again that had failed')
    .addHelpText(
      'after',
      '\nBeside it, let the schedule run `analyze`: analyze.workflow: analyze.' +
        '\nWhere it runs already, shards that failed (OffsetOutOfRange) are started again; all others go on.' +
        '\nWith another ingest.shards than it runs in, it is stopped, waited for and started anew; what other runs' +
        '\nhold is drained. Restart the workers with the new configuration first: settings are theirs.',
    )
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

const SUMMARY = 'Kafka → PostgreSQL, continuously, every topic and shard';

async function startIngest(ctx: CliContext): Promise<void> {
  const settings = await loadConfig({ config: ctx.config });
  const { name } = settings.config;
  const start = { type: 'ingest', workflowId: ingestWorkflowId(name), input: {}, summary: SUMMARY };
  await withTemporal(settings, async (temporal) => {
    let run = await startOrJoin(temporal, name, start);
    let restarted = false;
    let again: readonly string[] = [];
    if (run.joined) {
      const changes = await changedShards(settings);
      for (const { topic, from, to } of changes)
        ctx.progress(
          `${topic} is ingested in ${shards(from)}, now in ${to}: stopping ${start.workflowId} first`,
        );
      if (changes.length > 0) {
        await signal(temporal, start.workflowId, 'stop');
        await interruptible(ctx.signal, resultOf<IngestResult>(run.handle)).catch((error: unknown) => {
          if (!(error instanceof WorkflowFailed)) throw error;
          ctx.progress(`it had failed: ${error.message}`);
        });
        run = await startOrJoin(temporal, name, start);
        restarted = true;
        await confirmChange(ctx, settings);
      } else {
        again = (await accountOf(temporal, run))?.failed ?? [];
        for (const failure of again) ctx.progress(`starting again what had failed: ${failure}`);
        await signal(temporal, start.workflowId, 'resume');
      }
    }
    const { workflowId, runId, joined } = run;
    if ((await pollers(temporal, workflowQueue(name), 'workflow')) === 0)
      ctx.progress(
        `nobody polls the task queue ${workflowQueue(name)} yet: start \`npx clickstream worker\``,
      );
    const link = uiLink(settings.servers, temporal.target.namespace, run);
    const how = joined
      ? again.length > 0
        ? 'running already, failed shards started again'
        : 'running already'
      : restarted
        ? 'started anew'
        : 'started';
    ctx.result(
      { workflowId, runId, joined, restarted, started_again: again, link },
      `${how}: ${workflowId}${link === undefined ? '' : `  ${link}`}`,
    );
  });
}

/** How long a worker may take to note the topics and to record another count, ms. */
const CHANGE_MS = 20_000;

/** The count is the workers' setting: one that reads another file than ours would change nothing. */
async function confirmChange(ctx: CliContext, settings: Settings): Promise<void> {
  for (const until = Date.now() + CHANGE_MS; Date.now() < until; await sleep(1000)) {
    if (ctx.signal.aborted || (await changedShards(settings)).length === 0) return;
  }
  ctx.progress(
    'the count of shards has not changed yet: restart the workers, which read ingest.shards when they start',
  );
}

const shards = (n: number): string => `${n} ${n === 1 ? 'shard' : 'shards'}`;

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
    const result = await interruptible(ctx.signal, resultOf<IngestResult>(handle));
    ctx.result({ workflowId, stopped: true, ...result }, `stopped: ${equation(result.counts)}`);
  });
}
