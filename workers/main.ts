import { logger } from './runtime.js';
import { parseArgs } from 'node:util';
import { NativeConnection } from '@temporalio/worker';
import { warmClaims } from '../activities/warmClaims.js';
import { warmSpark } from '../activities/warmSpark.js';
import { loadConfig } from '../clients/settings/loadConfig.js';
import type { Settings } from '../clients/settings/loadConfig.js';
import {
  connectTemporal,
  mapTemporalError,
  registerSearchAttributes,
  temporalTarget,
} from '../clients/temporal/index.js';
import { ClickstreamError, UsageError } from '../domain/errors.js';
import { openClients } from './clients.js';
import { queuesOf, ROLES } from './queues.js';
import type { Role } from './queues.js';
import { createReadSettings, heartbeatFromEnv } from './settings.js';
import { createWorkers, runUntilDrained } from './workers.js';

/** As in cli/support/verb.ts, which workers may not import. */
const EXIT: Readonly<Record<string, number>> = {
  Configuration: 2,
  Usage: 2,
  SchemaMismatch: 2,
  SpoolUnavailable: 2,
  ServerUnavailable: 3,
  ServerRefused: 3,
};
const INTERRUPTED = 130;

function parseRole(args: readonly string[]): { role: Role; config: string | undefined } {
  let values: { role?: string | undefined; config?: string | undefined };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { role: { type: 'string' }, config: { type: 'string' } },
    }));
  } catch (cause) {
    throw new UsageError(`worker: ${(cause as Error).message}`, { cause });
  }
  const role = ROLES.find((known) => known === (values.role ?? 'all'));
  if (role === undefined)
    throw new UsageError(`--role: expected one of ${ROLES.join(', ')}, got ${JSON.stringify(values.role)}`);
  return { role, config: values.config };
}

/** Worker and server may be started together: so long, ms, is it waited for. */
const TEMPORAL_STARTS = 10_000;

/** Search attributes that nobody registered would stop every workflow: then runs go without them. */
async function mayTag({ servers, config }: Settings): Promise<boolean> {
  const temporal = await connectTemporal(servers, TEMPORAL_STARTS);
  try {
    if (!config.temporal.searchAttributes) return false;
    const { ready, problem } = await registerSearchAttributes(temporal);
    if (problem !== undefined) logger.warn({}, problem);
    return ready;
  } finally {
    await temporal.close();
  }
}

async function main(): Promise<void> {
  const draining = new AbortController();
  let signals = 0;
  let ready = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (signal === 'SIGINT' && (signals += 1) > 1) process.exit(INTERRUPTED);
      if (!ready) {
        // Nothing is in hand, and what it waits for may never come.
        logger.info({ signal }, 'ended before it was ready');
        process.exit(0);
      }
      if (!draining.signal.aborted) logger.info({ signal }, 'draining: finishing what is in hand');
      draining.abort();
    });

  const { role, config: file } = parseRole(process.argv.slice(2));
  const settings = await loadConfig({ config: file });
  const { config, servers } = settings;
  const clients = await openClients(settings, role, {
    logger,
    draining: draining.signal,
  });
  try {
    const searchAttributes = await mayTag(settings);
    const target = temporalTarget(servers);
    const connection = await NativeConnection.connect(target.options).catch((error: unknown) => {
      throw mapTemporalError(error, target);
    });
    try {
      const queues = queuesOf(role, config.name, clients.lanes, clients.ingest?.spool.id);
      const readSettings = createReadSettings(config, { searchAttributes, heartbeatMs: heartbeatFromEnv() });
      const workers = await createWorkers(connection, target.namespace, queues, clients, readSettings);
      await runUntilDrained(workers, draining.signal, () => {
        ready = true;
        process.stdout.write('worker ready\n');
        logger.info(
          { role, name: config.name, queues: queues.map(({ taskQueue }) => taskQueue) },
          'worker ready',
        );
        if (clients.ingest !== undefined) void warmClaims(clients.ingest, draining.signal);
        if (clients.analyze !== undefined) void warmSpark(clients.analyze, draining.signal);
      });
      logger.info({}, 'worker drained');
    } finally {
      await connection.close();
    }
  } finally {
    await clients.close();
  }
}

try {
  await main();
  process.exit(0);
} catch (error) {
  if (error instanceof ClickstreamError) {
    logger.fatal({ code: error.code }, error.message);
    process.exit(EXIT[error.code] ?? 1);
  }
  logger.fatal({ err: error }, 'the worker ended');
  process.exit(1);
}
