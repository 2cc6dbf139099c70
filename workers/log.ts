import { Context } from '@temporalio/activity';
import type { Info } from '@temporalio/activity';
import type { Logger as TemporalLogger } from '@temporalio/common';
import { destination, pino, stdTimeFunctions } from 'pino';
import type { Logger as Pino } from 'pino';
import { hideSecretsIn } from '../domain/secrets.js';
import { default as pretty } from 'pino-pretty';

/**
 * The worker's log: JSON lines on stderr, readable text on a terminal. Every line that is written while an activity
 * runs carries the workflow, run, activity and attempt that it belongs to; batch and shard come from the activity.
 * None tells the password of an address, whoever wrote it.
 */
export function createLogger(env: NodeJS.ProcessEnv = process.env, tty = process.stderr.isTTY): Pino {
  const options = {
    level: env['CLICKSTREAM_LOG_LEVEL'] ?? 'info',
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: activityFields,
    hooks: { streamWrite: hideSecretsIn },
  };
  // Synchronous: the last lines before a crash are those that matter.
  return tty
    ? pino(
        options,
        pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }),
      )
    : pino(options, destination({ dest: 2, sync: true }));
}

function activityFields(): object {
  const context = inActivity();
  if (context === undefined) return {};
  const { workflowExecution, activityType, attempt } = context;
  return {
    workflow: workflowExecution?.workflowId,
    run: workflowExecution?.runId,
    activity: activityType,
    ...(attempt === 1 ? {} : { attempt }),
  };
}

/** Context.current() throws outside of an activity, and most lines are written outside. */
function inActivity(): Info | undefined {
  try {
    return Context.current().info;
  } catch {
    return undefined;
  }
}

/** What the SDK and its native core log, in the same stream. */
export function temporalLogger(logger: Pino): TemporalLogger {
  const write = (
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error',
    message: string,
    meta: object = {},
  ): void => {
    // The SDK repeats the whole failure with its stack; one line is enough, the rest is in the web UI.
    const { error, ...fields } = meta as { error?: unknown };
    const told = { ...plain(fields), ...(error instanceof Error ? { err: error.message } : {}) };
    logger[CHATTER.test(message) ? 'debug' : level](told, message);
  };
  return {
    log: (level, message, meta) => {
      write(level.toLowerCase() as 'info', message, meta);
    },
    trace: (message, meta) => {
      write('trace', message, meta);
    },
    // The SDK tells of every activity's begin and end at this level.
    debug: (message, meta) => {
      write('debug', message, meta);
    },
    info: (message, meta) => {
      write('info', message, meta);
    },
    warn: (message, meta) => {
      write('warn', message, meta);
    },
    error: (message, meta) => {
      write('error', message, meta);
    },
  };
}

/** Several workers in one process each tell what they do not poll, and every change of their state. */
const CHATTER = /^(No .* registered, not polling|Worker state changed)/;

/** Symbols and bigints are no JSON; heartbeat details and the like are of no use here. */
const plain = (fields: object): object =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)),
  );
