/** `runSparkAggregation` outside of a workflow, on a schema of figures. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import { noFailpoint, type AnalyzeDeps } from '../../activities/deps.js';
import { createRunSparkAggregation } from '../../activities/runSparkAggregation.js';
import type { SparkSupply } from '../../clients/spark/index.js';
import { silentLogger } from '../../domain/logger.js';
import type { AggregationResult, RunSparkAggregationInput } from '../../domain/stages.js';
import {
  comparable,
  figuresConfig,
  plainFigures,
  storedFigures,
  type Click,
  type FiguresSchema,
} from './figures.js';

/** An aggregation never indexes. */
const unused = { then: undefined } as unknown as Elasticsearch;

export const analyzeDeps = (
  name: string,
  schema: FiguresSchema,
  spark: Pick<SparkSupply, 'session'>,
  overrides: Partial<AnalyzeDeps> = {},
): AnalyzeDeps => ({
  config: figuresConfig(name),
  servers: schema.servers,
  postgres: schema.postgres,
  logger: silentLogger,
  failpoint: noFailpoint,
  spark: () => spark.session(),
  elasticsearch: unused,
  patienceMs: 1000,
  ...overrides,
});

/** An activity of a run of its own, as each of a workflow is; used again, it makes a further attempt at the same work. */
export const newActivity = (heartbeatTimeoutMs = 6000): MockActivityEnvironment =>
  new MockActivityEnvironment({
    heartbeatTimeoutMs,
    workflowExecution: { workflowId: 'analyze', runId: randomUUID() },
  });

/** One attempt. */
export const aggregate = (
  deps: AnalyzeDeps,
  input: RunSparkAggregationInput = {},
  environment = newActivity(),
): Promise<AggregationResult> => environment.run(createRunSparkAggregation(deps), input);

/** The stored figures are those of exactly these clicks, by plain loops. */
export async function areFiguresOf(schema: FiguresSchema, clicks: readonly Click[]): Promise<void> {
  const { figures } = await storedFigures(schema.postgres);
  assert.deepEqual(comparable(figures), comparable(plainFigures(clicks)));
}
