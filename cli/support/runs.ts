import type { WorkflowHandle } from '@temporalio/client';
import type { Settings } from '../../clients/settings/loadConfig.js';
import {
  accountOf,
  connectTemporal,
  mapTemporalError,
  pollers,
  startOrJoin,
  troubles,
  uiLink,
} from '../../clients/temporal/index.js';
import type { Run, TemporalClient } from '../../clients/temporal/index.js';
import {
  analyzeQueue,
  analyzeWorkflowId,
  ingestQueue,
  pipelineWorkflowId,
  workflowQueue,
} from '../../domain/names.js';
import type { Account, Counts } from '../../domain/stages.js';
import { Interrupted } from './context.js';
import { WorkflowFailed } from './failure.js';
import type { CliContext } from './verb.js';

/** Connected for the length of `use`; errors of Temporal's arrive as errors that name its address. */
export async function withTemporal<T>(
  { servers }: Settings,
  use: (temporal: TemporalClient) => Promise<T>,
): Promise<T> {
  const temporal = await connectTemporal(servers);
  let interrupted = false;
  try {
    return await use(temporal);
  } catch (error) {
    interrupted = error instanceof Interrupted;
    throw mapTemporalError(error, temporal.target);
  } finally {
    // A call under way is tried again by the client, and would throw on a closed connection where nobody listens.
    // An interrupted command ends its process; all others have waited for their calls.
    if (!interrupted) await temporal.close();
  }
}

/** The whole chain under the installation's fixed id; joins the run that holds it. */
export const startPipeline = (settings: Settings, temporal: TemporalClient): Promise<Run> =>
  startOrJoin(temporal, settings.config.name, {
    type: 'pipeline',
    workflowId: pipelineWorkflowId(settings.config.name),
    input: {},
    summary: 'Kafka → PostgreSQL → Spark → Elasticsearch, until caught up',
  });

/** `10,000 records = 9,999 clicks + 0 duplicates + 1 dead letter + 0 filtered` */
export function equation(counts: Counts): string {
  const number = (n: number, one: string, many = `${one}s`): string =>
    `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`;
  return [
    `${number(counts.records, 'record')} = ${number(counts.persisted, 'click')}`,
    number(counts.duplicates, 'duplicate'),
    number(counts.deadLetters, 'dead letter'),
    number(counts.filtered, 'filtered', 'filtered'),
  ].join(' + ');
}

/** A person waits: how often the counts are asked for, and when silence is worth a word, ms. */
const ASK_EVERY = 1000;
const NOBODY_AFTER = 10_000;

/**
 * Waits for a run, telling on stderr what it does, what it tries again and why, and after 10 s that nobody polls
 * its queues; and when interrupted, that the run goes on. @throws WorkflowFailed; the signal's reason when interrupted
 * @param goesOn how the run is followed again, and ended
 */
export async function follow<T>(
  ctx: CliContext,
  settings: Settings,
  temporal: TemporalClient,
  run: Run,
  {
    queues = allQueues(settings.config.name),
    onAccount,
    goesOn = `the same command follows it again, \`clickstream temporal workflow cancel -w ${run.workflowId}\` ends it`,
  }: {
    readonly queues?: readonly string[];
    readonly goesOn?: string;
    /** Gets where the run stands, every second or so. */
    readonly onAccount?: (account: Account) => void;
  } = {},
): Promise<T> {
  const link = uiLink(settings.servers, temporal.target.namespace, run);
  ctx.progress(
    `${run.joined ? 'joined' : 'started'} ${run.workflowId}${link === undefined ? '' : `  ${link}`}`,
  );
  const finished = new AbortController();
  const watched = [run.workflowId, analyzeWorkflowId(settings.config.name)];
  const watching = watch(ctx, temporal, run, { watched, queues, onAccount }, finished.signal);
  try {
    return await interruptible(ctx.signal, resultOf<T>(run.handle));
  } catch (error) {
    if (error instanceof Interrupted) ctx.progress(`${run.workflowId} goes on: ${goesOn}`);
    throw error;
  } finally {
    finished.abort();
    if (!ctx.signal.aborted) await watching;
  }
}

const allQueues = (name: string): string[] => [workflowQueue(name), ingestQueue(name), analyzeQueue(name)];

/** @throws WorkflowFailed with the message that names server, setting or shard */
export async function resultOf<T>(handle: WorkflowHandle): Promise<T> {
  try {
    return (await handle.result()) as T;
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowFailedError')
      throw new WorkflowFailed(`${handle.workflowId}: ${innermost(error)}`, { cause: error });
    throw error;
  }
}

/** The message that names server, setting or shard stands at the end of the chain of causes. */
export function innermost(error: Error): string {
  return error.cause instanceof Error ? innermost(error.cause) : error.message;
}

/** Stops waiting with the signal's reason; what was waited for goes on. */
export function interruptible<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', stop);
    });
  });
}

async function watch(
  ctx: CliContext,
  temporal: TemporalClient,
  run: Run,
  {
    watched,
    queues,
    onAccount,
  }: {
    readonly watched: readonly string[];
    readonly queues: readonly string[];
    readonly onAccount: ((account: Account) => void) | undefined;
  },
  signal: AbortSignal,
): Promise<void> {
  const begun = Date.now();
  const told = new Set<string>();
  const once = (text: string): void => {
    if (!told.has(text)) ctx.progress(text);
    told.add(text);
  };
  let askedAt = begun;
  let asking: Promise<Account | undefined> | undefined;
  while (!signal.aborted) {
    await pause(ASK_EVERY, signal);
    if (signal.aborted) break;
    try {
      if (Date.now() - askedAt > NOBODY_AFTER) {
        askedAt = Date.now();
        for (const queue of queues)
          if ((await pollers(temporal, queue, queue === queues[0] ? 'workflow' : 'activity')) === 0)
            once(`nobody polls the task queue ${queue}: start a worker with \`npx clickstream worker\``);
      }
      // One question at a time: a query waits for a worker, and one left behind would meet a closed connection.
      asking ??= accountOf(temporal, run)
        .catch(() => undefined)
        .finally(() => (asking = undefined));
      const account = await within(ASK_EVERY * 5, asking);
      if (signal.aborted || account === undefined) continue;
      onAccount?.(account);
      ctx.status(statusLine(account));
      for (const trouble of await troubles(temporal, [...watched, ...account.children]))
        once(`trying again: ${trouble}`);
    } catch {
      // The run itself is waited for elsewhere and reports what is wrong; a missed look is none.
    }
  }
  await asking;
}

const statusLine = ({ counts, stage }: Account): string =>
  counts.records === 0 ? stage : `${equation(counts)}  (${stage})`;

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });

/** Undefined when it takes longer: a query waits for a worker, and there may be none. */
const within = <T>(ms: number, work: Promise<T>): Promise<T | undefined> =>
  Promise.race([work, new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined).unref())]);

/** The answer of `--no-wait`: the run that was started or found, and where to look at it. */
export function tellStarted(
  ctx: CliContext,
  { servers }: Settings,
  temporal: TemporalClient,
  run: Run,
): void {
  const { workflowId, runId, joined } = run;
  const link = uiLink(servers, temporal.target.namespace, run);
  ctx.result(
    { workflowId, runId, joined, link },
    `${joined ? 'running already' : 'started'}: ${workflowId}${link === undefined ? '' : `  ${link}`}`,
  );
}
