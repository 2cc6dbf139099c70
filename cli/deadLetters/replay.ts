import { mappingFingerprint } from '../../clients/settings/fingerprint.js';
import { startOrJoin, uiLink, type Run, type TemporalClient } from '../../clients/temporal/index.js';
import { UsageError } from '../../domain/errors.js';
import { ingestQueue, replayWorkflowId, workflowQueue } from '../../domain/names.js';
import type { Counts, ReplayInput, ReplayResult } from '../../domain/stages.js';
import { loadConfig, type Settings } from '../loadConfig.js';
import { follow, withTemporal } from '../support/runs.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';
import { foreseeReplay } from './dryRun.js';
import { selectionOf, type SelectionOptions } from './selection.js';

interface ReplayOptions extends SelectionOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

export function registerReplay(verb: Command, ctx: CliContext): void {
  verb
    .command('replay')
    .description('decode dead letters again, after a fix; those that pass move, all others stay')
    .option('--reason <reason>', 'those of this reason')
    .option('--field <field>', 'those of this field, such as click_data.url')
    .option('--id <id...>', 'these numbers')
    .option('--from <time>', 'rejected from this time on')
    .option('--to <time>', 'rejected before this time')
    .option('--all', 'all of them')
    .option('--dry-run', 'say what would happen under the configuration at hand, and change nothing')
    .option('--no-wait', 'start (or find) the run, print it, and return')
    .addHelpText(
      'after',
      '\nMend the configuration, restart the workers, then replay: workers that run another mapping than this' +
        '\ncommand reads are refused. Options narrow each other. A click keeps the id of its record; its hours are' +
        '\naggregated by the next run. Replaying again changes nothing. --dry-run cannot foresee what PostgreSQL' +
        '\nalone refuses.',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream dead-letters replay --reason missing_required --dry-run',
        'clickstream dead-letters replay --id 17 18',
        'clickstream dead-letters replay --from 2026-11-25 --to 2026-11-26',
        'clickstream dead-letters replay --all --json',
      ]),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'done',
        2: 'usage or configuration',
        3: 'a server is unreachable',
        4: 'the run failed',
        130: 'interrupted; the run goes on',
      }),
    )
    .action(async (options: ReplayOptions) => {
      const selection = selectionOf(options);
      if (Object.keys(selection).length === 0 && options.all !== true)
        throw new UsageError('replay: expected --reason, --field, --id, --from, --to or --all');
      const settings = await loadConfig({ config: ctx.config });
      if (options.dryRun === true) {
        const { counts, examined } = await foreseeReplay(settings, selection, ctx.signal);
        ctx.result({ dry_run: true, ...plain(counts, examined) }, sentence(counts, examined, true));
        return;
      }
      const input: ReplayInput = { ...selection, fingerprint: mappingFingerprint(settings.config) };
      await withTemporal(settings, (temporal) => run(ctx, settings, temporal, input, options.wait));
    });
}

async function run(
  ctx: CliContext,
  settings: Settings,
  temporal: TemporalClient,
  input: ReplayInput,
  wait: boolean,
): Promise<void> {
  const { name } = settings.config;
  const queues = [workflowQueue(name), ingestQueue(name)];
  let started = await start(name, temporal, input);
  const link = (): string | undefined => uiLink(settings.servers, temporal.target.namespace, started);
  if (!wait) {
    const { workflowId, runId, joined } = started;
    const at = link() === undefined ? '' : `  ${link() ?? ''}`;
    ctx.result(
      { workflowId, runId, joined, link: link() },
      joined
        ? `another replay runs already, with a choice of its own: ${workflowId}${at}`
        : `started: ${workflowId}${at}`,
    );
    return;
  }
  // The one that runs has a choice of its own; ours comes after it.
  while (started.joined) {
    await follow<ReplayResult>(ctx, settings, temporal, started, { queues }).catch((error: unknown) => {
      if (ctx.signal.aborted) throw error;
      ctx.progress(
        `the replay that was under way failed: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
    started = await start(name, temporal, input);
  }
  const { counts, examined } = await follow<ReplayResult>(ctx, settings, temporal, started, { queues });
  const { workflowId, runId } = started;
  ctx.result(
    { workflowId, runId, link: link(), dry_run: false, ...plain(counts, examined) },
    sentence(counts, examined, false),
  );
}

const start = (name: string, temporal: TemporalClient, input: ReplayInput): Promise<Run> =>
  startOrJoin(temporal, name, {
    type: 'replay',
    workflowId: replayWorkflowId(name),
    input,
    summary: 'dead letters again, under the present configuration',
  });

const plain = (counts: Counts, examined: number) => ({
  examined,
  persisted: counts.persisted,
  duplicates: counts.duplicates,
  filtered: counts.filtered,
  stay: examined + counts.deadLetters,
});

function sentence(counts: Counts, examined: number, dry: boolean): string {
  const n = (value: number, one: string): string =>
    `${value.toLocaleString('en-US')} ${value === 1 ? one : `${one}s`}`;
  const stay = examined + counts.deadLetters;
  return (
    `${n(examined, 'dead letter')} ${dry ? 'would be' : examined === 1 ? 'is now' : 'are now'} ${n(counts.persisted, 'click')} + ` +
    `${n(counts.duplicates, 'duplicate')} + ${counts.filtered.toLocaleString('en-US')} filtered + ` +
    `${n(stay, 'dead letter')} that ${dry ? 'would stay' : stay === 1 ? 'stays' : 'stay'}`
  );
}
