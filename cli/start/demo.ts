import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, ownStateDir, projectRoot, type Settings } from '../../clients/settings/loadConfig.js';
import { uiLink, type Run, type TemporalClient } from '../../clients/temporal/index.js';
import { UsageError } from '../../domain/errors.js';
import type { PipelineResult } from '../../domain/stages.js';
import { createProgressView, type ProgressView } from '../../infra/progressView.js';
import { startServers, stopServers, type ServerName, type Starting } from '../../infra/servers.js';
import { follow, startPipeline, withTemporal } from '../support/runs.js';
import { setUpSearchAttributes, setUpTables, setUpTopics } from '../support/setUp.js';
import { ExitCode, type CliContext } from '../support/verb.js';
import { webLogger } from '../support/webLogger.js';
import { openWeb } from '../../web/server/open.js';
import { printEnding } from './ending.js';
import { sendClicks } from './send.js';
import { serve } from './serve.js';
import { Workers } from './workers.js';

export interface DemoOptions {
  /** End when the figures are shown. */
  readonly once: boolean;
  /** An access log, plain or gzip; absent: the generated site. */
  readonly input?: string;
  /** How many clicks the generated site has. */
  readonly records: number;
}

/** What one `npm start` has at hand, once it runs. */
export interface Demo {
  readonly ctx: CliContext;
  readonly options: DemoOptions;
  readonly settings: Settings;
  readonly temporal: TemporalClient;
  readonly workers: Workers;
  /** The address of the analysis page, where one is served. */
  readonly page?: string;
}

/**
 * The main job on a bare machine: servers up, clicks in as soon as Kafka, PostgreSQL and Temporal stand, the
 * chain, the account and the figures; then it serves, or ends. Stops what it started; the data stays.
 */
export async function runDemo(ctx: CliContext, options: DemoOptions): Promise<void> {
  const file = ctx.config ?? join(projectRoot(), options.input ? 'clickstream.yaml' : 'examples/demo.yaml');
  const { config } = await loadConfig({ config: file });
  if (options.input !== undefined) checkInput(options.input);

  const before = Date.now();
  const view = createProgressView(process.stderr, ctx.live);
  const started = new Set<ServerName>();
  // Whatever goes wrong meanwhile also ends the downloads and builds that are still under way.
  const giveUp = new AbortController();
  const signal = AbortSignal.any([ctx.signal, giveUp.signal]);
  const starting = startServers({ onProgress: view.onProgress, signal });
  rememberStarted(starting, started);
  // Awaited when the early half is done; until then its failure must not end the process before tidying up.
  starting.finished.catch(() => undefined);
  const log = join(ownStateDir(), 'logs', `worker-${config.name}.log`);
  const workers = new Workers(file, log, (role) => ctx.progress(`the ${role} worker is back`));
  try {
    await Promise.all([starting.ready.kafka, starting.ready.postgres, starting.ready.temporal]);
    // Only now do addresses stand in servers.json.
    const early = await loadConfig({ config: file });
    await withTemporal(early, async (temporal) => {
      const demo = { ctx, options, settings: early, temporal, workers };
      const run = await begin(demo, view);
      await starting.finished;
      view.close();
      const settings = await loadConfig({ config: file });
      await workers.start('analyze');
      await finish({ ...demo, settings }, run, before);
    });
  } finally {
    view.close();
    giveUp.abort(new Error('no longer needed'));
    await tidyUp(ctx, workers, started, starting);
  }
}

/** Clicks into Kafka, and the run that takes them further: all that needs no Spark and no Elasticsearch. */
async function begin(demo: Demo, view: ProgressView): Promise<Run> {
  const { settings, workers } = demo;
  view.note('tables and topic …');
  // The index waits for Elasticsearch: indexMetrics makes it.
  await setUpTables(settings);
  await setUpTopics(settings);
  await setUpSearchAttributes(settings, demo.temporal);
  await workers.start('ingest');
  const sent = await sendClicks(demo, (n) =>
    view.note(`${n.toLocaleString('en-US')} clicks sent to Kafka …`),
  );
  view.note(`${sent.toLocaleString('en-US')} records in Kafka; the pipeline runs`);
  return startPipeline(settings, demo.temporal);
}

async function finish(demo: Demo, run: Run, before: number): Promise<void> {
  const { ctx, settings, temporal } = demo;
  let last = run;
  const goesOn = 'the next start follows it';
  let result = await follow<PipelineResult>(ctx, settings, temporal, run, { goesOn });
  // A run of the schedule's that was joined may have looked at Kafka before the clicks were there.
  if (run.joined) {
    last = await startPipeline(settings, temporal);
    result = await follow<PipelineResult>(ctx, settings, temporal, last, { goesOn });
  }
  const page = demo.options.once ? undefined : await openWeb(settings, { logger: webLogger(ctx) });
  try {
    const served = { ...demo, ...(page && { page: page.url }) };
    const equal = await printEnding(
      served,
      result,
      uiLink(settings.servers, temporal.target.namespace, last),
      Date.now() - before,
    );
    if (result.analyze.outcome !== 'indexed') ctx.exit(ExitCode.Workflow);
    else if (!equal) ctx.exit(ExitCode.Different);
    if (page) await serve(served);
  } finally {
    await page?.close();
  }
}

function rememberStarted(starting: Starting, started: Set<ServerName>): void {
  for (const [name, ready] of Object.entries(starting.ready) as [ServerName, Promise<string>][])
    void ready.then(
      (origin) => origin === 'started' && started.add(name),
      () => undefined,
    );
}

async function tidyUp(
  ctx: CliContext,
  workers: Workers,
  started: Set<ServerName>,
  starting: Starting,
): Promise<void> {
  await workers.stop();
  // Servers that are still coming up are ended by the signal; those that stood before were not ours to stop.
  await starting.finished.catch(() => undefined);
  if (started.size === 0) return;
  ctx.progress('stopping what was started; the data stays …');
  await stopServers({ only: [...started] });
}

function checkInput(file: string): void {
  if (!existsSync(file))
    throw new UsageError(`--input: expected an access log, plain or gzip; ${file} does not exist`);
  if (!statSync(file).isFile()) throw new UsageError(`--input: expected a file, got ${file}, which is none`);
}
