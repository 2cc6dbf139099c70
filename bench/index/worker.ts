/** The activity in a process of its own, as in a worker: once to get ready, then timed each time. A line is an IndexRun. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { noFailpoint } from '../../activities/deps.js';
import { createIndexMetrics } from '../../activities/indexMetrics.js';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { parseServers } from '../../domain/config/servers.js';
import type { IndexMetricsInput, IndexResult } from '../../domain/stages.js';
import { silentLogger } from '../../domain/logger.js';
import { configurationOf } from '../aggregate/clicks.js';
import { contest } from '../ingest/children.js';
import { cpuOf, peakMemoryMb } from '../ingest/processTimes.js';

export interface IndexRun {
  readonly indexed: number;
  readonly seconds: number;
  /** µs of CPU of this process; null where /proc does not tell. */
  readonly cpuUs: number | null;
  /** Peak of this process, MB. */
  readonly rssMb: number | null;
}

const { name } = JSON.parse(process.argv[2] ?? '') as { name: string };
const servers = parseServers(process.env);
const postgres = openPostgres(servers, name);
const elasticsearch = openElasticsearch(servers);
const run = createIndexMetrics({
  config: configurationOf(name),
  servers,
  postgres,
  logger: silentLogger,
  failpoint: noFailpoint,
  // Indexing does not touch Spark.
  spark: () => Promise.reject(new Error('not used here')),
  elasticsearch,
  patienceMs: 60_000,
});

const index = (): Promise<IndexResult> =>
  new MockActivityEnvironment().run<[IndexMetricsInput], IndexResult, typeof run>(run, {});

await contest(
  async () => {
    await index();
  },
  async () => {
    const before = cpuOf(process.pid);
    const begun = performance.now();
    const { indexed } = await index();
    const seconds = (performance.now() - begun) / 1000;
    const after = cpuOf(process.pid);
    const cpuUs = before === undefined || after === undefined ? null : after - before;
    const result: IndexRun = { indexed, seconds, cpuUs, rssMb: peakMemoryMb(process.pid) ?? null };
    return JSON.stringify(result);
  },
);
await elasticsearch.close();
await postgres.close();
