import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { aggregateBench, describeSummary as describeAggregate } from '../../bench/aggregate/index.js';
import {
  describeSummary,
  ingestBench,
  type Bench,
  type IngestBenchOptions,
} from '../../bench/ingest/index.js';
import { describeIndex, indexBench } from '../../bench/index/index.js';
import { describeSearch, searchBench } from '../../bench/search/index.js';
import { ownStateDir } from '../../clients/settings/loadConfig.js';
import { parseServers } from '../../domain/config/servers.js';
import { UsageError } from '../../domain/errors.js';
import { createProgressView } from '../../infra/progressView.js';
import type { ServerName } from '../../infra/model.js';
import { startServers, stopServers } from '../../infra/servers.js';
import { addresses, isolated } from '../support/ownServers.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const INGEST_SERVERS = ['kafka', 'postgres', 'temporal'] as const;
const AGGREGATE_SERVERS = ['postgres', 'spark'] as const;
const INDEX_SERVERS = ['postgres', 'elasticsearch'] as const;
const SEARCH_SERVERS = ['elasticsearch'] as const;
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

  bench
    .command('aggregate')
    .description("hour figures: ours against textbook Spark and PostgreSQL's own GROUP BY; whole runs")
    .option('--clicks <number>', 'clicks over 72 hours, at least 10000 (default: 3000000)')
    .option('--rounds <number>', 'interleaved rounds; the median counts (default: 3)')
    .option('--warm-up <number>', 'rounds of every contestant before those, which do not count (default: 2)')
    .addHelpText(
      'after',
      '\nfull_s, one_hour_s: hour figures until the last group is at the client. textbook_ratio = ours ÷ textbook,' +
        '\npostgres_ratio = ours ÷ PostgreSQL, one_hour_ratio = one hour ÷ all 72; history_ratio = the whole run of one' +
        '\nmarked hour with 30 days of figures ÷ with one. Lower is better for all of them.' +
        '\ncold_s: the first run of each contestant, in which what Spark loads and compiles falls to whoever comes first.' +
        '\nFails when contestants differ in a group or a figure.',
    )
    .addHelpText(
      'after',
      examples(['npm run bench -- aggregate', 'npm run bench -- aggregate --rounds 1 --json']),
    )
    .addHelpText('after', exitCodes(CODES))
    .action((options: AggregateOptions) => aggregate(ctx, options));

  bench
    .command('search')
    .description("the analysis page's queries over a million documents, and the page in a browser")
    .option('--documents <number>', 'figures of hours, at least 10000 (default: 1000000)')
    .option('--rounds <number>', 'how often each query is asked, interleaved (default: 40)')
    .addHelpText(
      'after',
      "\np50_ms, p95_ms: from the request to the page's server until the whole answer is there." +
        '\nfirst_totals_ms, first_all_ms: from opening the page in a browser with an empty cache.',
    )
    .addHelpText('after', examples(['npm run bench -- search', 'npm run bench -- search --json']))
    .addHelpText('after', exitCodes(CODES))
    .action((options: SearchOptions) => search(ctx, options));

  bench
    .command('index')
    .description('click_metrics → Elasticsearch, against raw _bulk of the same bytes')
    .option('--documents <number>', 'figures of hours, at least 10000 (default: 100000)')
    .option('--rounds <number>', 'interleaved rounds; the median counts (default: 5)')
    .addHelpText(
      'after',
      '\nratio_bulk = ours ÷ raw _bulk, in documents a second: ours reads PostgreSQL, sends, keeps the cursor' +
        '\nand refreshes; raw sends the same requests out of memory over as many connections. Fails unless both indices hold every document.',
    )
    .addHelpText('after', examples(['npm run bench -- index', 'npm run bench -- index --rounds 1 --json']))
    .addHelpText('after', exitCodes(CODES))
    .action((options: IndexOptions) => index(ctx, options));
}

interface IndexOptions {
  readonly documents?: string;
  readonly rounds?: string;
}

async function index(ctx: CliContext, given: IndexOptions): Promise<void> {
  const documents = wholeNumber('--documents', given.documents, 10_000) ?? 100_000;
  const rounds = wholeNumber('--rounds', given.rounds, 1) ?? 5;
  await withServers(ctx, INDEX_SERVERS, async (bench) => {
    const summary = await indexBench(bench, { documents, rounds });
    ctx.result(summary, describeIndex(summary));
  });
}

interface SearchOptions {
  readonly documents?: string;
  readonly rounds?: string;
}

async function search(ctx: CliContext, given: SearchOptions): Promise<void> {
  const documents = wholeNumber('--documents', given.documents, 10_000) ?? 1_000_000;
  const rounds = wholeNumber('--rounds', given.rounds, 1) ?? 40;
  await withServers(ctx, SEARCH_SERVERS, async (bench) => {
    const summary = await searchBench(bench, { documents, rounds });
    ctx.result(summary, describeSearch(summary));
  });
}

interface AggregateOptions {
  readonly clicks?: string;
  readonly rounds?: string;
  readonly warmUp?: string;
}

async function aggregate(ctx: CliContext, given: AggregateOptions): Promise<void> {
  const clicks = wholeNumber('--clicks', given.clicks, 10_000) ?? 3_000_000;
  const rounds = wholeNumber('--rounds', given.rounds, 1) ?? 3;
  const warmUp = wholeNumber('--warm-up', given.warmUp, 0) ?? 2;
  await withServers(ctx, AGGREGATE_SERVERS, async (bench) => {
    const summary = await aggregateBench(bench, { clicks, hours: 72, rounds, warmUp });
    ctx.result(summary, describeAggregate(summary));
  });
}

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
  await withServers(ctx, INGEST_SERVERS, async (bench) => {
    const summary = await ingestBench(bench, options);
    ctx.result(summary, describeSummary(summary));
  });
}

async function withServers(
  ctx: CliContext,
  only: readonly ServerName[],
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const stateDir = `${ownStateDir()}-bench`;
  if (process.env['CLICKSTREAM_BENCH_SERVERS'] === 'environment')
    return withFolder(ctx, process.env, stateDir, use);
  const env = isolated(process.env, stateDir);
  const view = createProgressView(process.stderr, ctx.live);
  try {
    const starting = startServers({
      stateDir,
      env,
      only,
      signal: ctx.signal,
      onProgress: view.onProgress,
    });
    const { file } = await starting.finished;
    await withFolder(ctx, { ...env, ...addresses(file) }, stateDir, use);
  } finally {
    await stopServers({ stateDir });
  }
}

async function withFolder(
  ctx: CliContext,
  env: NodeJS.ProcessEnv,
  stateDir: string,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  mkdirSync(stateDir, { recursive: true });
  const folder = mkdtempSync(join(stateDir, 'work-'));
  try {
    const report = (line: string): void => ctx.progress(line);
    await use({ servers: parseServers(env), env, folder, signal: ctx.signal, report });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function wholeNumber(option: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text) || Number(text) < min)
    throw new UsageError(`${option}: expected a whole number from ${min} to 999999999, got "${text}"`);
  return Number(text);
}
