/** `indexMetrics` outside of a workflow, and whether an installation's index holds exactly its figures. */
import assert from 'node:assert/strict';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Client } from '@elastic/elasticsearch';
import { noFailpoint, type AnalyzeDeps } from '../../activities/deps.js';
import { createIndexMetrics } from '../../activities/indexMetrics.js';
import { createReindexGrain } from '../../activities/reindexGrain.js';
import type { IndexTuning } from '../../activities/levelIndex.js';
import { silentLogger } from '../../domain/logger.js';
import { GRAINS, readAlias, reindexWorkflowId, type Grain } from '../../domain/names.js';
import type { IndexResult, ReindexGrainResult } from '../../domain/stages.js';
import type { TestInstallation } from '../clients/elasticsearch/installation.js';

/** Where an index is fed from and to. */
type Fed = Pick<TestInstallation, 'config' | 'servers' | 'postgres' | 'elasticsearch'>;

export const indexDeps = (t: Fed, overrides: Partial<AnalyzeDeps> = {}): AnalyzeDeps => ({
  config: t.config,
  servers: t.servers,
  postgres: t.postgres,
  logger: silentLogger,
  failpoint: noFailpoint,
  spark: () => Promise.reject(new Error('not used here')),
  elasticsearch: t.elasticsearch,
  patienceMs: 60_000,
  ...overrides,
});

/** One attempt. */
export const index = (
  t: Fed,
  overrides: Partial<AnalyzeDeps> = {},
  tuning: IndexTuning = {},
): Promise<IndexResult> =>
  new MockActivityEnvironment().run(createIndexMetrics(indexDeps(t, overrides), tuning), {});

/** One attempt of building a grain's index anew, of the workflow run `run`. */
export const reindex = (
  t: Fed,
  grain: Grain,
  { run = 'run', ...overrides }: Partial<AnalyzeDeps> & { readonly run?: string } = {},
  tuning: IndexTuning = {},
): Promise<ReindexGrainResult> =>
  new MockActivityEnvironment({
    workflowExecution: { workflowId: reindexWorkflowId(t.config.name), runId: run },
  }).run(createReindexGrain(indexDeps(t, overrides), tuning), { grain });

const MOST = 10_000;

async function documentsOf(client: Client, name: string): Promise<Map<string, unknown>> {
  const found = new Map<string, unknown>();
  for (const grain of GRAINS) {
    const { hits } = await client.search({ index: readAlias(name, grain), size: MOST, version: true });
    for (const { _id = '', _version, _source } of hits.hits) found.set(_id, { _version, _source });
  }
  return found;
}

/** The documents as they must be, from the figures alone. */
async function figuresOf({ postgres }: TestInstallation): Promise<Map<string, unknown>> {
  const { rows } = await postgres.pool.query<{ id: string; document: { version: number } }>(
    `SELECT encode(figure_id, 'hex') AS id, to_jsonb(m) - '{figure_id,users_sketch,deleted,window_start}'::text[]
       || jsonb_build_object('window_start', to_char(window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
       AS document
     FROM click_metrics m WHERE NOT deleted`,
  );
  return new Map(rows.map(({ id, document }) => [id, { _version: document.version, _source: document }]));
}

/** @param except ids that the index may lack @throws when a document is missing, too many, or differs in any field */
export async function assertIndexIsFigures(
  t: TestInstallation,
  except: readonly string[] = [],
): Promise<void> {
  const figures = await figuresOf(t);
  for (const id of except) figures.delete(id);
  const documents = await documentsOf(t.elasticsearch, t.name);
  assert.deepEqual([...documents.keys()].sort(), [...figures.keys()].sort());
  for (const [id, figure] of figures) assert.deepEqual(documents.get(id), figure);
}

/** What the index refused, by id. */
export async function keptRejects({
  postgres,
}: TestInstallation): Promise<{ id: string; status: number; reason: string }[]> {
  const { rows } = await postgres.pool.query<{ id: string; status: number; reason: string }>(
    `SELECT encode(figure_id, 'hex') AS id, status, reason FROM index_reject ORDER BY figure_id`,
  );
  return rows;
}
