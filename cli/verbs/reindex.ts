import { InvalidArgumentError } from 'commander';
import {
  dropIndices,
  mapEsError,
  openElasticsearch,
  replacedIndices,
} from '../../clients/elasticsearch/index.js';
import { forgetIndices, readFed } from '../../clients/postgres/index/cursor.js';
import { forgetRejectsOf } from '../../clients/postgres/index/rejects.js';
import { openPostgres, withClient } from '../../clients/postgres/pool.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { startOrJoin, uiLink } from '../../clients/temporal/index.js';
import { analyzeQueue, GRAINS, reindexWorkflowId, workflowQueue, type Grain } from '../../domain/names.js';
import type { ReindexInput, ReindexResult } from '../../domain/stages.js';
import { counted } from '../format/numbers.js';
import { loadConfig } from '../loadConfig.js';
import { withConfig } from '../support/commands.js';
import { follow, tellStarted, withTemporal } from '../support/runs.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

interface Options {
  readonly grain?: readonly Grain[];
  readonly wait: boolean;
}

const CODES = {
  0: 'done: the new index holds every figure and is searched',
  2: 'usage or configuration',
  3: 'Temporal is unreachable',
  4: 'the run failed; searches go on with the old index',
  130: 'interrupted; the run goes on',
};

export function register(program: Command, ctx: CliContext): void {
  const reindex = program
    .command('reindex')
    .description('build the index anew from PostgreSQL’s figures, while the old one is searched; waits')
    .option('--grain <grain>', `only this grain (${GRAINS.join(', ')}); may be repeated`, addGrain)
    .option('--no-wait', 'start (or find) the run, print it, and return')
    .addHelpText(
      'after',
      '\nSearches find the old index until the new one is complete; runs go on meanwhile. The old one is kept, for' +
        '\ngoing back, until `clickstream reindex drop-old` deletes it: until then the figures take twice the disk.' +
        '\nA run under way is joined. A run that was killed can simply be started again.',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream reindex',
        'clickstream reindex --grain hour --grain day',
        'clickstream reindex drop-old',
      ]),
    )
    .addHelpText('after', exitCodes(CODES))
    .action(async ({ grain, wait }: Options) => {
      const settings = await loadConfig({ config: ctx.config });
      await run(ctx, settings, grain === undefined ? {} : { grains: grain }, wait);
    });

  reindex
    .command('drop-old')
    .description('delete the indices that newer ones have replaced')
    .addHelpText('after', examples(['clickstream reindex drop-old']))
    .addHelpText(
      'after',
      exitCodes({
        0: 'deleted, or there were none',
        2: 'usage or configuration',
        3: 'Elasticsearch or PostgreSQL is unreachable, or refused us',
      }),
    )
    .action(async () => {
      await dropOld(ctx, await loadConfig({ config: ctx.config }));
    });
}

function addGrain(value: string, before: readonly Grain[] = []): readonly Grain[] {
  const grain = GRAINS.find((one) => one === value);
  if (grain === undefined) throw new InvalidArgumentError(`expected one of ${GRAINS.join(', ')}.`);
  return [...before, grain];
}

async function run(ctx: CliContext, settings: Settings, input: ReindexInput, wait: boolean): Promise<void> {
  const { name } = settings.config;
  await withTemporal(settings, async (temporal) => {
    const started = await startOrJoin(temporal, name, {
      type: 'reindex',
      workflowId: reindexWorkflowId(name),
      input,
      summary: `PostgreSQL’s figures → a new index of ${input.grains?.join(', ') ?? 'every grain'}`,
    });
    if (!wait) {
      tellStarted(ctx, settings, temporal, started);
      return;
    }
    const { workflowId, runId } = started;
    const link = uiLink(settings.servers, temporal.target.namespace, started);
    const queues = [workflowQueue(name), analyzeQueue(name)];
    const result = await follow<ReindexResult>(ctx, settings, temporal, started, { queues });
    ctx.result({ workflowId, runId, link, ...result }, withConfig(resultText(result), ctx.config));
  });
}

function resultText(result: ReindexResult): string {
  const lines = result.grains.map(
    (one) =>
      `${one.index}: ${counted(one.documents, 'document')}` +
      `${one.rejected > 0 ? `, ${one.rejected} rejected` : ''}, in place of ${one.replaced}`,
  );
  return [...lines, 'The old indices are kept; `clickstream reindex drop-old` deletes them.'].join('\n');
}

async function dropOld(ctx: CliContext, { config, servers }: Settings): Promise<void> {
  const elasticsearch = openElasticsearch(servers);
  const postgres = openPostgres(servers, config.name, { max: 1 });
  try {
    const dropped = await withClient(postgres, `${config.name}:reindex-drop-old`, async (client) => {
      const replaced = [];
      for (const grain of GRAINS) {
        const fed = new Set((await readFed(client, grain)).map((one) => one.index));
        replaced.push(...(await replacedIndices(elasticsearch, config.name, grain, fed, ctx.signal)));
      }
      const names = replaced.map((one) => one.index);
      await dropIndices(elasticsearch, names);
      await forgetIndices(client, names);
      await forgetRejectsOf(client, names);
      return replaced;
    });
    const lines = dropped.map(
      (one) => `${one.index} deleted: ${counted(one.documents, 'document')}, ${megabytes(one.bytes)}`,
    );
    ctx.result({ dropped }, lines.join('\n') || 'no index has been replaced');
  } catch (error) {
    throw mapEsError(error);
  } finally {
    await elasticsearch.close();
    await postgres.close();
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
