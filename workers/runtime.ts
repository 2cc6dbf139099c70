/** Installed before anything else touches the SDK: its logger and signals are chosen once per process. */
import { Runtime } from '@temporalio/worker';
import { createLogger, temporalLogger } from './log.js';

export const logger = createLogger();

Runtime.install({
  logger: temporalLogger(logger),
  // workers/main.ts shuts down in its own order: first what consumes, then what persists.
  shutdownSignals: [],
  telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
});
