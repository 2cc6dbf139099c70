import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeSummary, ingestBench, type IngestBenchOptions } from '../../bench/ingest/index.js';
import { ownStateDir } from '../../clients/settings/loadConfig.js';
import { parseServers } from '../../domain/config/servers.js';
import { UsageError } from '../../domain/errors.js';
import { createProgressView } from '../../infra/progressView.js';
import { startServers, stopServers } from '../../infra/servers.js';
import { addresses, isolated } from '../support/ownServers.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const SERVERS = ['kafka', 'postgres', 'temporal'] as const;
const CODES = { 0: 'measured', 2: 'usage', 3: 'a server did not start', 130: 'interrupted' };

export function register(program: Command, ctx: CliContext): void {
  const bench = program
    .command('bench')
    .description('benchmarks that print ratios, on servers of their own')
    .addHelpText('after', examples(['npm run bench -- ingest']))
    .addHelpText('after', exitCodes(CODES));

  bench
    .command('ingest')
    .description('Kafka → PostgreSQL, against what COPY alone can do and against the textbook')
    .option('--events <number>', 'events of a run, at least 10000 (default: 600000, with --quick 100000)')
    .option('--rounds <number>', 'interleaved rounds; the median counts (default: 5, with --quick 1)')
    .option('--quick', 'fewer events and rounds, and only what the ratios need')
    .option('--long', 'also 5,000,000 events into tables that grow')
    .addHelpText(
      'after',
      '\nThe servers live in a state folder of their own and are stopped afterwards; others are not touched.' +
        '\nCLICKSTREAM_BENCH_SERVERS=environment uses the servers that the environment names instead.' +
        '\nNumbers of two runs cannot be compared, ratios can: keep the machine quiet, mind the spread.',
    )
    .addHelpText(
      'after',
      examples([
        'npm run bench -- ingest',
        'npm run bench -- ingest --quick',
        'npm run bench -- ingest --long --json',
      ]),
    )
    .addHelpText('after', exitCodes(CODES))
    .action((options: IngestOptions) => ingest(ctx, options));

  for (const name of LATER)
    bench.command(name, { hidden: true }).action(() => {
      throw new UsageError(`bench ${name} comes in a later version`);
    });
}

const LATER = ['aggregate', 'index', 'search'];

interface IngestOptions {
  readonly events?: string;
  readonly rounds?: string;
  readonly quick?: boolean;
  readonly long?: boolean;
}

async function ingest(ctx: CliContext, given: IngestOptions): Promise<void> {
  const quick = given.quick === true;
  const options: IngestBenchOptions = {
    events: wholeNumber('--events', given.events, 10_000) ?? (quick ? 100_000 : 600_000),
    rounds: wholeNumber('--rounds', given.rounds, 1) ?? (quick ? 1 : 5),
    quick,
    long: given.long === true,
  };
  await withServers(ctx, async (env, stateDir) => {
    mkdirSync(stateDir, { recursive: true });
    const folder = mkdtempSync(join(stateDir, 'work-'));
    try {
      const servers = parseServers(env);
      const report = (line: string): void => ctx.progress(line);
      const summary = await ingestBench({ servers, env, folder, signal: ctx.signal, report }, options);
      ctx.result(summary, describeSummary(summary));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

async function withServers(
  ctx: CliContext,
  use: (env: NodeJS.ProcessEnv, stateDir: string) => Promise<void>,
): Promise<void> {
  const stateDir = `${ownStateDir()}-bench`;
  if (process.env['CLICKSTREAM_BENCH_SERVERS'] === 'environment') return use(process.env, stateDir);
  const env = isolated(process.env, stateDir);
  const view = createProgressView(process.stderr, ctx.live);
  try {
    const starting = startServers({
      stateDir,
      env,
      only: SERVERS,
      signal: ctx.signal,
      onProgress: view.onProgress,
    });
    const { file } = await starting.finished;
    await use({ ...env, ...addresses(file) }, stateDir);
  } finally {
    await stopServers({ stateDir });
  }
}

function wholeNumber(option: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text) || Number(text) < min)
    throw new UsageError(`${option}: expected a whole number from ${min} to 999999999, got "${text}"`);
  return Number(text);
}
