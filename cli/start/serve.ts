import { setTimeout as pause } from 'node:timers/promises';
import { openPostgres, withClient, type Postgres } from '../../clients/postgres/pool.js';
import { readAccount } from '../../clients/postgres/status/queries.js';
import { applySchedule, deleteSchedule, uiLink } from '../../clients/temporal/index.js';
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
  const keys = process.stdin.isTTY ? listenForKeys(onKeys(demo, stop)) : undefined;
  ctx.progress(
    keys === undefined
      ? `new records on the topic ${config.kafka.topics.join(', ')} reach the figures every ${config.analyze.scheduleMs / 1000} s; Ctrl-C quits`
      : KEYS,
  );
  try {
    await countAloud(demo, postgres, quit.signal);
  } finally {
    keys?.close();
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

function onKeys(demo: Demo, stop: () => void): (key: string) => void {
  const { ctx } = demo;
  const busy = new Set<string>();
  const once = (key: string, work: () => Promise<void>): void => {
    if (busy.has(key)) return;
    busy.add(key);
    work()
      .catch((error: unknown) => ctx.progress(error instanceof Error ? error.message : String(error)))
      .finally(() => busy.delete(key));
  };
  return (key) => {
    if (key === 'q') stop();
    else if (key === 'p') once(key, () => sendAgain(demo));
    else if (key === 'k') ctx.progress(killed(demo.workers.kill()));
    else if (key === 'e') once(key, () => stopIndex(demo));
  };
}

const killed = (pids: readonly number[]): string =>
  pids.length === 0
    ? 'no worker runs: the one that was killed is coming back'
    : `kill -9 ${pids.join(' ')}: what they did is tried again when their heartbeats are missed; new workers are on the way`;

async function sendAgain(demo: Demo): Promise<void> {
  const { ctx, settings, temporal } = demo;
  const before = Date.now();
  const sent = await sendClicks(demo, () => undefined);
  let run = await startPipeline(settings, temporal);
  const link = (): string | undefined => uiLink(settings.servers, temporal.target.namespace, run);
  ctx.progress(`${sent.toLocaleString('en-US')} records sent again  ${link() ?? ''}`);
  let result = (await run.handle.result()) as PipelineResult;
  if (run.joined) {
    run = await startPipeline(settings, temporal);
    result = (await run.handle.result()) as PipelineResult;
  }
  await printEnding(demo, result, link(), Date.now() - before);
  ctx.progress(KEYS);
}

async function stopIndex({ ctx }: Demo): Promise<void> {
  const stopped = await stopServers({ only: ['elasticsearch'] });
  if (stopped.length === 0) {
    ctx.progress('Elasticsearch was not started here, so it is not stopped here');
    return;
  }
  ctx.progress('Elasticsearch is stopped for 30 s: indexMetrics is tried again until it is back');
  await pause(OUTAGE_MS, undefined, { signal: ctx.signal });
  await startServers({ only: ['elasticsearch'], signal: ctx.signal }).finished;
  ctx.progress('Elasticsearch is back');
}
