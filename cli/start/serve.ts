import { setTimeout as pause } from 'node:timers/promises';
import { openPostgres, withClient, type Postgres } from '../../clients/postgres/pool.js';
import { readAccount } from '../../clients/postgres/status/queries.js';
import { applySchedule, deleteSchedule, uiLink, type Run } from '../../clients/temporal/index.js';
import { applicationName } from '../../domain/names.js';
import type { PipelineResult } from '../../domain/stages.js';
import { startServers, stopServers } from '../../infra/servers.js';
import { equation, startPipeline } from '../support/runs.js';
import type { Demo } from './demo.js';
import { printEnding } from './ending.js';
import { listenForKeys } from './keys.js';
import { sendClicks } from './send.js';

const KEYS = 'p send it all again · k kill the worker · e stop Elasticsearch for 30 s · q quit';
const LOOK_EVERY_MS = 500;
const OUTAGE_MS = 30_000;

/**
 * Serves until `q` or a signal: the schedule takes new records to the figures, the line counts, the keys work.
 * A schedule that was there before stays; ours goes, so that nothing is left running.
 */
export async function serve(demo: Demo): Promise<void> {
  const { ctx, settings, temporal } = demo;
  const { config } = settings;
  const schedule = await applySchedule(temporal, config);
  const quit = new AbortController();
  const stop = (): void => quit.abort();
  ctx.signal.addEventListener('abort', stop);
  if (ctx.signal.aborted) stop();

  const postgres = openPostgres(settings.servers, config.name);
  const work = new Work(ctx);
  const keys = process.stdin.isTTY ? listenForKeys(onKeys(demo, work, quit)) : undefined;
  ctx.progress(
    keys === undefined
      ? `new records on the topic ${config.kafka.topics.join(', ')} reach the figures every ${config.analyze.scheduleMs / 1000} s; Ctrl-C quits`
      : KEYS,
  );
  try {
    await countAloud(demo, postgres, quit.signal);
  } finally {
    keys?.close();
    await work.ended();
    await postgres.close();
    if (schedule.action === 'created') await deleteSchedule(temporal, config.name);
  }
}

/** The account, drawn over while it moves. */
async function countAloud({ ctx, settings }: Demo, postgres: Postgres, signal: AbortSignal): Promise<void> {
  const name = applicationName(settings.config.name, 'start', 'account', String(process.pid));
  while (!signal.aborted) {
    // A look that fails is none: PostgreSQL may be restarting, and the next look tells.
    const counts = await withClient(postgres, name, readAccount).catch(() => undefined);
    if (counts !== undefined && ctx.live) ctx.status(equation(counts));
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** What the keys set going: one at a time of each kind; a failure is told, and does not end the serving. */
class Work {
  private readonly running = new Map<string, Promise<void>>();

  constructor(private readonly ctx: Demo['ctx']) {}

  begin(kind: string, work: () => Promise<void>): void {
    if (this.running.has(kind)) return;
    const done = work()
      .catch((error: unknown) => {
        if (!isAbort(error)) this.ctx.progress(error instanceof Error ? error.message : String(error));
      })
      .finally(() => this.running.delete(kind));
    this.running.set(kind, done);
  }

  async ended(): Promise<void> {
    await Promise.all(this.running.values());
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

function onKeys(demo: Demo, work: Work, quit: AbortController): (key: string) => void {
  const { ctx } = demo;
  return (key) => {
    if (key === 'q') quit.abort();
    else if (key === 'p') work.begin('send', () => sendAgain(demo, quit.signal));
    else if (key === 'k') ctx.progress(killed(demo.workers.kill()));
    else if (key === 'e') work.begin('outage', () => stopIndex(demo, quit.signal));
  };
}

const killed = (pids: readonly number[]): string =>
  pids.length === 0
    ? 'no worker runs: the one that was killed is coming back'
    : `kill -9 ${pids.join(' ')}: what they did is tried again when their heartbeats are missed; new workers are on the way`;

async function sendAgain(demo: Demo, quit: AbortSignal): Promise<void> {
  const { ctx, settings, temporal } = demo;
  const before = Date.now();
  const sent = await sendClicks(demo, () => undefined);
  let run = await startPipeline(settings, temporal);
  const link = (): string | undefined => uiLink(settings.servers, temporal.target.namespace, run);
  ctx.progress(`${sent.toLocaleString('en-US')} records sent again  ${link() ?? ''}`);
  let result = await resultOf(run, quit);
  if (run.joined) {
    run = await startPipeline(settings, temporal);
    result = await resultOf(run, quit);
  }
  await printEnding(demo, result, link(), Date.now() - before);
  ctx.progress(KEYS);
}

/** Asks again and again instead of waiting in one long call, which could not be ended on quitting. */
async function resultOf({ handle }: Run, quit: AbortSignal): Promise<PipelineResult> {
  while ((await handle.describe()).status.name === 'RUNNING')
    await pause(LOOK_EVERY_MS, undefined, { signal: quit });
  return (await handle.result()) as PipelineResult;
}

async function stopIndex({ ctx }: Demo, quit: AbortSignal): Promise<void> {
  const stopped = await stopServers({ only: ['elasticsearch'] });
  if (stopped.length === 0) {
    ctx.progress('Elasticsearch was not started here, so it is not stopped here');
    return;
  }
  ctx.progress('Elasticsearch is stopped for 30 s: indexMetrics is tried again until it is back');
  await pause(OUTAGE_MS, undefined, { signal: quit });
  await startServers({ only: ['elasticsearch'], signal: quit }).finished;
  ctx.progress('Elasticsearch is back');
}
