import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseServers } from '../../domain/config/servers.js';
import type { Servers } from '../../domain/config/config.js';

/** The servers of this test run, from the environment that `npm test` sets. */
export const testServers = (env: NodeJS.ProcessEnv = process.env): Servers => parseServers(env);

export interface ConfigOptions {
  /** The installation's name: `testName('…')`. */
  readonly name: string;
  readonly topic?: string;
  readonly partitions?: number;
  readonly shards?: number;
  /** Records, and how long a batch waits after its first. */
  readonly batch?: { readonly records?: number; readonly wait?: string };
  readonly indexPatience?: string;
  readonly schedule?: string;
  readonly workflow?: 'pipeline' | 'analyze';
}

/**
 * Writes a configuration for JSON events `{ id, t (epoch ms), url, user, session, country, agent, ip }` into a folder
 * of its own, spool included; returns the file.
 */
export function writeConfig(options: ConfigOptions): string {
  const { name, topic = `${name}-clicks`, partitions = 4, shards = 2, batch = {} } = options;
  const folder = mkdtempSync(join(tmpdir(), 'clickstream-test-'));
  const file = join(folder, 'clickstream.yaml');
  const lines = [
    'version: 1',
    `name: ${name}`,
    `kafka: { topics: [${topic}], create: { partitions: ${partitions} } }`,
    'ingest:',
    `  shards: ${shards}`,
    `  batch: { records: ${batch.records ?? 1000}, wait: ${batch.wait ?? '1s'} }`,
    `  spool: { dir: ${join(folder, 'spool')} }`,
    'event:',
    '  id: { from: [id] }',
    '  time: { from: [t], formats: [epoch_ms] }',
    '  address: { from: [ip] }',
    '  agent: { from: [agent] }',
    'families:',
    '  click_data:',
    '    url: { type: text, from: [url], required: true }',
    '    user_id: { type: text, from: [user] }',
    '    session_id: { type: text, from: [session] }',
    '    is_bot: { type: boolean, from: [$ua.is_bot] }',
    '  geo_data:',
    '    country: { type: text, from: [country] }',
    '  user_agent_data:',
    '    browser: { type: text, from: [$ua.browser] }',
    'roles:',
    '  url: click_data.url',
    '  user: click_data.user_id',
    '  session: click_data.session_id',
    '  bot: click_data.is_bot',
    '  country: geo_data.country',
    'analyze:',
    `  schedule: ${options.schedule ?? '1m'}`,
    `  workflow: ${options.workflow ?? 'pipeline'}`,
    ...(options.indexPatience === undefined ? [] : [`  index_patience: ${options.indexPatience}`]),
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
