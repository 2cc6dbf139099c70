/** Whole runs of the activity, in a process of its own as in a worker. It says a WholeRun of each. */
import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Client as Elasticsearch } from '@elastic/elasticsearch';
import { noFailpoint } from '../../activities/deps.js';
import { createRunSparkAggregation } from '../../activities/runSparkAggregation.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { supplySpark } from '../../clients/spark/index.js';
import { parseServers } from '../../domain/config/servers.js';
import type { AggregationResult, RunSparkAggregationInput } from '../../domain/stages.js';
import { silentLogger } from '../../domain/logger.js';
import { contest } from '../ingest/children.js';
import { peakMemoryMb } from '../ingest/processTimes.js';
import { configurationOf } from './clicks.js';
import type { WholeRun } from './whole.js';

const { name } = JSON.parse(process.argv[2] ?? '') as { name: string };
const config = configurationOf(name);
const servers = parseServers(process.env);
const postgres = openPostgres(servers, name);
const spark = supplySpark(servers.spark.remote);
let said: object = {};
const run = createRunSparkAggregation({
  config,
  servers,
  postgres,
  logger: { ...silentLogger, info: (fields) => (said = fields) },
  failpoint: noFailpoint,
  spark: () => spark.session(),
  // Aggregation does not touch the index: nothing connects.
  elasticsearch: new Elasticsearch({ node: 'http://127.0.0.1:9' }),
  patienceMs: 1000,
});

await contest(
  async () => {
    await spark.session();
  },
  async () => {
    const begun = performance.now();
    // As of another workflow each time: a further attempt at the same work would answer what that has committed.
    const workflowExecution = { workflowId: 'bench', runId: randomUUID() };
    const environment = new MockActivityEnvironment({ heartbeatTimeoutMs: 60_000, workflowExecution });
    // Everything that is marked, in one run.
    const { hours, clicks, changed } = await environment.run<
      [RunSparkAggregationInput],
      AggregationResult,
      typeof run
    >(run, {
      maxRows: Number.MAX_SAFE_INTEGER,
    });
    const seconds = (performance.now() - begun) / 1000;
    const { sparkMs, mergeMs } = said as { sparkMs: number; mergeMs: number };
    const result: WholeRun = {
      hours,
      clicks,
      changed,
      seconds,
      sparkSeconds: sparkMs / 1000,
      mergeSeconds: mergeMs / 1000,
      rssMb: peakMemoryMb(process.pid) ?? null,
    };
    return JSON.stringify(result);
  },
);
await spark.close();
await postgres.close();
