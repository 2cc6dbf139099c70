import type { Config } from '../domain/config/config.js';
import { ConfigurationError } from '../domain/errors.js';
import type { WorkflowSettings } from '../domain/stages.js';

/** Above the longest pause that a busy worker may make between two heartbeats, below a person's patience. */
const HEARTBEAT_MS = 20_000;

/** The local activity that tells a workflow what its worker is configured for. */
export function createReadSettings(
  config: Config,
  facts: { readonly searchAttributes: boolean; readonly heartbeatMs: number },
): () => Promise<WorkflowSettings> {
  const settings: WorkflowSettings = {
    name: config.name,
    topics: config.kafka.topics,
    indexPatienceMs: config.analyze.indexPatienceMs,
    retention: true,
    ...facts,
  };
  return () => Promise.resolve(settings);
}

/** `CLICKSTREAM_HEARTBEAT_MS`: after how long without a sign of life an attempt counts as dead; minimum 2000. */
export function heartbeatFromEnv(env: NodeJS.ProcessEnv = process.env): number {
  const text = env['CLICKSTREAM_HEARTBEAT_MS'];
  if (text === undefined || text === '') return HEARTBEAT_MS;
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 2000)
    throw new ConfigurationError(
      `CLICKSTREAM_HEARTBEAT_MS: expected milliseconds, a whole number of at least 2000, got ${JSON.stringify(text)}`,
    );
  return ms;
}
