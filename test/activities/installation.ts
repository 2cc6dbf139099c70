/** An installation of a test's own: a schema, topics and a spool on the servers that the environment names. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createConsumeBatch } from '../../activities/consumeBatch.js';
import { noFailpoint, type IngestDeps } from '../../activities/deps.js';
import { createPersistBatch } from '../../activities/persistBatch.js';
import { openSpool } from '../../activities/spool.js';
import { openDecoder } from '../../clients/enrich/decoder.js';
import { openKafka } from '../../clients/kafka/index.js';
import { migrate } from '../../clients/postgres/migrate.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { visitorKey } from '../../clients/postgres/visitorKey.js';
import { parseConfig } from '../../domain/config/parse.js';
import { parseServers } from '../../domain/config/servers.js';
import { ClaimFilter } from '../../clients/postgres/claimFilter.js';
import { ClaimOrder } from '../../activities/claimOrder.js';
import { GroupOffsets } from '../../activities/groupOffsets.js';
import { silentLogger } from '../../domain/logger.js';
import type {
  BatchRef,
  ConsumeBatchInput,
  ConsumeBatchResult,
  PersistBatchResult,
} from '../../domain/stages.js';

export interface Installation extends IngestDeps {
  readonly topic: string;
  /** The configuration's text, for commands that read it from a file. */
  readonly yaml: string;
  consume(input?: Partial<ConsumeBatchInput>): Promise<ConsumeBatchResult>;
  persist(batch: BatchRef, attempt?: number): Promise<PersistBatchResult>;
  /** Consumes and persists until nothing is left. */
  drain(): Promise<PersistBatchResult[]>;
  produce(values: readonly (string | Uint8Array | null)[]): Promise<void>;
  rows(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

const yaml = (name: string, topic: string, extra: string): string => `
version: 1
name: ${name}
kafka: { topics: [${topic}], start: earliest }
ingest: { shards: 1, batch: { records: 1000, bytes: 8MiB, wait: 200ms }${extra} }
event:
  value: json
  id: { from: [event_id] }
  time: { from: [t], formats: [iso, epoch_ms] }
  address: { from: [ip] }
  agent: { from: [ua] }
families:
  click_data:
    url: { type: text, from: [url], required: true }
    user_id: { type: text, from: [user] }
    session_id: { type: text, from: [session] }
    n: { type: integer, from: [n] }
  geo_data:
    country: { type: text, from: [country] }
  user_agent_data:
    browser: { type: text, from: [$ua.browser] }
roles: { url: click_data.url, user: click_data.user_id, session: click_data.session_id, country: geo_data.country }
`;

/** One for each set of dependencies, as a worker has it: it remembers how its last batches went. */
const made = new WeakMap<IngestDeps, ReturnType<typeof createPersistBatch>>();
function persistOf(deps: IngestDeps): ReturnType<typeof createPersistBatch> {
  const known = made.get(deps) ?? createPersistBatch(deps);
  made.set(deps, known);
  return known;
}

/** @param base shares another installation's topic and tables (a second worker on the same machine) */
export async function install(
  what: string,
  options: {
    readonly partitions?: number;
    readonly extra?: string;
    readonly base?: Installation;
    readonly text?: (yaml: string) => string;
  } = {},
): Promise<Installation> {
  const name = options.base?.config.name ?? `t_${what}_${randomBytes(3).toString('hex')}`;
  const topic = options.base?.topic ?? `${name}_clicks`;
  const servers = parseServers(process.env);
  const dir = await mkdtemp(join(tmpdir(), 'clickstream-test-'));
  const common = yaml(name, topic, `, spool: { dir: ${dir} }${options.extra ?? ''}`);
  const text = options.text?.(common) ?? common;
  const config = parseConfig(text, 'test.yaml');
  const kafka = openKafka(servers, name);
  if (options.base === undefined) await kafka.createTopic(topic, options.partitions ?? 1);
  const postgres = openPostgres(servers, name);
  await migrate(postgres, servers, config);
  const decoder = await openDecoder(config, await visitorKey(postgres));
  const spool = await openSpool(config);
  const deps: IngestDeps = {
    config,
    servers,
    postgres,
    logger: silentLogger,
    failpoint: noFailpoint,
    kafka,
    decoder,
    spool,
    claims: new ClaimFilter(),
    claimOrder: new ClaimOrder(),
    groupOffsets: new GroupOffsets({ config, kafka, logger: silentLogger }),
  };
  const env = (attempt: number): MockActivityEnvironment =>
    new MockActivityEnvironment({ attempt, heartbeatTimeoutMs: 3000 });
  const installation: Installation = {
    ...deps,
    topic,
    yaml: text,
    consume(input = {}) {
      return env(1).run(createConsumeBatch(this), { topic, shard: 0, shards: 1, ...input });
    },
    persist(batch, attempt = 1) {
      return env(attempt).run(persistOf(this), { batch });
    },
    async drain() {
      const results: PersistBatchResult[] = [];
      const { partitions } = await kafka.describe(topic);
      const ends = await kafka.lastStableOffsets(topic, partitions);
      const until = [...ends].map(([partition, offset]) => ({ partition, offset: offset.toString() }));
      for (;;) {
        const { batch, reachedUntil } = await this.consume({ until });
        if (batch !== undefined) results.push(await this.persist(batch));
        if (reachedUntil) return results;
      }
    },
    async produce(values) {
      await kafka.produce(
        topic,
        values.map((v) => ({ value: typeof v === 'string' ? Buffer.from(v) : v })),
      );
    },
    async rows(sql, values = []) {
      return (await postgres.pool.query<Record<string, unknown>>(sql, values)).rows;
    },
    async close() {
      await spool.close();
      await kafka.close();
      if (options.base === undefined)
        await postgres.pool.query(`DROP SCHEMA ${name} CASCADE`).catch(() => undefined);
      await postgres.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return installation;
}

export const click = (i: number, more: object = {}): string =>
  JSON.stringify({
    event_id: `00000000-0000-4000-8000-${i.toString(16).padStart(12, '0')}`,
    t: new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString(),
    url: `/page/${i % 7}`,
    user: `user ${i % 11}`,
    session: `session ${i % 13}`,
    country: 'DE',
    n: i,
    ...more,
  });
export const clicks = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => click(from + i));
