/** The product itself: worker processes under Temporal, from the noted offsets to the end of a bounded ingest. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Postgres } from '../../clients/postgres/pool.js';
import { quoteIdent } from '../../clients/postgres/sql.js';
import { projectRoot } from '../../clients/settings/loadConfig.js';
import { connectTemporal, type TemporalClient } from '../../clients/temporal/index.js';
import { shardWorkflowId, workflowQueue } from '../../domain/names.js';
import { addCounts, NO_COUNTS, type Counts, type IngestResult } from '../../domain/stages.js';
import { checkRows, emptyFamilies, measure, perEvent, withTables, type Bench, type Run } from './bench.js';
import { listen } from './children.js';
import { configurationOf, type Installation } from './configuration.js';
import { cpuOf, peakMemoryMb } from './processTimes.js';
import type { FilledTopic } from './topics.js';

export interface OurRun extends Run {
  readonly counts: Counts;
  /** Of the largest worker process, Temporal's core included, MB. */
  readonly rssMb: number | undefined;
}

export interface OurOptions {
  readonly values?: Installation['values'];
  readonly processes?: number;
  readonly shards?: number;
  /** What the workers take before they are measured. Absent: they have just started, and V8 still compiles them. */
  readonly warmUp?: FilledTopic;
  /** Looks at the tables once a second, while it is measured. */
  readonly watch?: (postgres: Postgres) => Promise<void>;
  /** Looks at the tables before they go. */
  readonly inspect?: (postgres: Postgres) => Promise<void>;
}

const DEFAULT_SHARDS = 2;
let runs = 0;

/**
 * One run into empty tables: what the workers took before is deleted. @throws when the account, the rows or the offsets
 * are not exactly what was sent
 */
export async function runOurs(bench: Bench, filled: FilledTopic, options: OurOptions = {}): Promise<OurRun> {
  const { values = 'as sent', processes = 1, shards = DEFAULT_SHARDS, warmUp } = options;
  const name = `bench_${filled.topic.slice(-8)}_${++runs}`;
  const folder = join(bench.folder, name);
  mkdirSync(folder);
  const topics = warmUp === undefined ? [filled.topic] : [warmUp.topic, filled.topic];
  const installation = { name, topics, shards, values, spoolDir: join(folder, 'spool') };
  const { yaml, config } = configurationOf(installation);
  const file = join(folder, 'clickstream.yaml');
  writeFileSync(file, yaml);
  return withTables(bench, config, async (postgres) => {
    const workers = await startWorkers(bench, file, join(folder, 'worker.log'), processes);
    const temporal = await connectTemporal(bench.servers);
    try {
      const cpu = (): number | undefined => sum(workers.map((worker) => cpuOf(worker.pid ?? 0)));
      const run = (from: FilledTopic): Promise<Counts> => ingest(temporal, name, from, shards);
      if (warmUp !== undefined) {
        await check(postgres, warmUp, await run(warmUp));
        await emptyFamilies(postgres);
      }
      let counts = NO_COUNTS;
      let used: number | undefined;
      const { seconds, postgresUs } = await measure(postgres, async () => {
        const began = cpu();
        counts = await watched(run(filled), async () => options.watch?.(postgres));
        const ended = cpu();
        used = began === undefined || ended === undefined ? undefined : ended - began;
      });
      await check(postgres, filled, counts);
      await options.inspect?.(postgres);
      const events = counts.records;
      const peaks = workers.map((worker) => peakMemoryMb(worker.pid ?? 0) ?? 0);
      return {
        events,
        seconds,
        counts,
        nodeUs: perEvent(used, events),
        postgresUs: perEvent(postgresUs, events),
        rssMb: Math.max(...peaks) || undefined,
      };
    } finally {
      await temporal.close();
      await Promise.all(workers.map(stop));
    }
  });
}

/** Calls `look` once a second until `work` is done. */
async function watched<T>(work: Promise<T>, look: () => Promise<void>): Promise<T> {
  const done = new AbortController();
  const looking = (async () => {
    while (!done.signal.aborted) {
      await look();
      await sleep(1000, undefined, { signal: done.signal }).catch(() => undefined);
    }
  })();
  try {
    return await work;
  } finally {
    done.abort();
    await looking;
  }
}

async function ingest(
  { client }: TemporalClient,
  name: string,
  { topic, ends }: FilledTopic,
  shards: number,
): Promise<Counts> {
  const results = await Promise.all(
    Array.from({ length: shards }, async (_, shard) => {
      const handle = await client.workflow.start('ingest', {
        workflowId: shardWorkflowId(name, topic, shard),
        taskQueue: workflowQueue(name),
        args: [{ topic, shard, shards, until: ends.filter(({ partition }) => partition % shards === shard) }],
      });
      return (await handle.result()) as IngestResult;
    }),
  );
  return results.reduce((all, { counts }) => addCounts(all, counts), NO_COUNTS);
}

async function check(postgres: Postgres, filled: FilledTopic, counts: Counts): Promise<void> {
  const { events } = filled.shape;
  const expected: Counts = {
    records: events,
    persisted: filled.distinct,
    duplicates: events - filled.distinct,
    deadLetters: 0,
    filtered: 0,
  };
  if (JSON.stringify(counts) !== JSON.stringify(expected))
    throw new Error(`the account: expected ${JSON.stringify(expected)}, got ${JSON.stringify(counts)}`);
  await checkRows(postgres, filled.distinct);
  const { rows } = await postgres.pool.query<{ partition: number; offset: string }>(
    `SELECT partition, next_offset AS offset
       FROM ${quoteIdent(postgres.name)}.ingest_offset JOIN ${quoteIdent(postgres.name)}.source USING (source_id)
      WHERE topic = $1 ORDER BY partition`,
    [filled.topic],
  );
  const ends = [...filled.ends].sort((a, b) => a.partition - b.partition);
  if (JSON.stringify(rows) !== JSON.stringify(ends))
    throw new Error(`the offsets: expected ${JSON.stringify(ends)}, got ${JSON.stringify(rows)}`);
}

async function startWorkers(
  { env, signal }: Bench,
  config: string,
  log: string,
  count: number,
): Promise<ChildProcess[]> {
  const stderr = openSync(log, 'a', 0o600);
  const children = Array.from({ length: count }, () =>
    spawn(
      process.execPath,
      [join(projectRoot(), 'dist/workers/main.js'), '--role', 'ingest', '--config', config],
      { env, stdio: ['ignore', 'pipe', stderr], signal },
    ),
  );
  closeSync(stderr);
  await Promise.all(
    children.map((child) =>
      Promise.race([
        listen(child).line('worker ready'),
        once(child, 'exit').then(([code]) => {
          throw new Error(`a worker ended with ${String(code)} before it was ready; see ${log}`);
        }),
      ]),
    ),
  );
  return children;
}

async function stop(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const exited = once(worker, 'exit');
  worker.kill('SIGTERM');
  await exited;
}

const sum = (parts: readonly (number | undefined)[]): number | undefined =>
  parts.reduce((all, part) => (all === undefined || part === undefined ? undefined : all + part), 0);
