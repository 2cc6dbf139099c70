/** The product's way from click_metrics into the index, and Elasticsearch's own speed with the same bytes. */
import { cpus, loadavg } from 'node:os';
import type { Client } from '@elastic/elasticsearch';
import {
  clicksInDocuments,
  ensureIndices,
  REQUEST_FIGURES,
  openElasticsearch,
  refresh,
} from '../../clients/elasticsearch/index.js';
import { readFigures } from '../../clients/postgres/index/figures.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { physicalIndex, writeAlias } from '../../domain/names.js';
import { inPages, LANES } from '../../activities/sendPages.js';
import { configurationOf } from '../aggregate/clicks.js';
import { dropIndices } from '../indices.js';
import { withTables, type Bench } from '../ingest/bench.js';
import { startContestant } from '../ingest/children.js';
import { fillFigures } from './figures.js';
import { sendRaw } from './raw.js';
import { summarize, type IndexSummary, type Round } from './summary.js';
import type { IndexRun } from './worker.js';

export { describeIndex } from './summary.js';

export interface IndexBenchOptions {
  readonly documents: number;
  readonly rounds: number;
}

/** Rounds before those that count: compilers make the first ones slower than all later, and workers run for months. */
const WARM_UPS = 2;

export async function indexBench(bench: Bench, options: IndexBenchOptions): Promise<IndexSummary> {
  bench.report(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(2) ?? '?'} before the start`);
  const name = `bench_index_${process.pid}`;
  const rawName = `bench_other_${process.pid}`;
  const client = openElasticsearch(bench.servers);
  try {
    return await withTables(bench, configurationOf(name), async (postgres) => {
      await fillFigures(postgres, options.documents);
      const bodies = await bodiesOf(postgres, options.documents);
      const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
      const fresh = (): Promise<void> => makeAnew(client, name, bench.signal);
      await fresh();
      const worker = await startContestant(bench, '../index/worker.js', { name });
      const runOurs = async (): Promise<IndexRun> => {
        await fresh();
        const run = JSON.parse(await worker.again()) as IndexRun;
        await check(client, name, options);
        return run;
      };
      const rounds: Round[] = [];
      for (let n = 1 - WARM_UPS; n <= options.rounds; n += 1) {
        bench.signal.throwIfAborted();
        // Whoever comes second meets the merges of the first.
        const oursFirst = n % 2 === 0;
        const early = oursFirst ? await runOurs() : undefined;
        const raw = await runRaw(bench, client, rawName, bodies, options);
        const ours = early ?? (await runOurs());
        bench.report(
          `${n < 1 ? 'warming up' : `round ${n}`}: ours ${ours.seconds.toFixed(2)} s, raw ${raw.toFixed(2)} s`,
        );
        if (n >= 1) rounds.push({ ours, raw });
      }
      await worker.close();
      return summarize(options.documents, bytes, rounds);
    });
  } finally {
    await dropIndices(client, name);
    await dropIndices(client, rawName);
    await client.close();
  }
}

/** The very bodies that the activity sends. */
async function bodiesOf(postgres: Postgres, documents: number): Promise<Buffer[]> {
  return withClient(postgres, `${postgres.name}:bench`, async (client) => {
    const bodies: Buffer[] = [];
    const figures = readFigures(client, 'hour', { version: '0', figureId: '' }, documents);
    for await (const page of inPages(figures, REQUEST_FIGURES)) bodies.push(page.slice(0, page.count));
    return bodies;
  });
}

/** @throws when the index does not hold every document */
async function check(client: Client, name: string, { documents }: IndexBenchOptions): Promise<void> {
  const index = physicalIndex(name, 'hour', 1);
  await refresh(client, [index]);
  const { count } = await client.count({ index });
  const clicks = await clicksInDocuments(client, name, 'hour');
  const expected = Array.from({ length: documents }, (_, i) => 9 + (i % 90)).reduce((a, b) => a + b, 0);
  if (count !== documents || clicks !== expected)
    throw new Error(
      `${index}: expected ${documents} documents of ${expected} clicks, got ${count} of ${clicks}`,
    );
}

/** Indices as an installation has them after `migrate`. */
async function makeAnew(client: Client, name: string, signal: AbortSignal): Promise<void> {
  await dropIndices(client, name);
  await ensureIndices(client, name, signal);
}

/** Into an index of the same template. */
async function runRaw(
  bench: Bench,
  client: Client,
  rawName: string,
  bodies: readonly Buffer[],
  options: IndexBenchOptions,
): Promise<number> {
  await makeAnew(client, rawName, bench.signal);
  const alias = writeAlias(physicalIndex(rawName, 'hour', 1));
  const seconds = await sendRaw(bench.servers, alias, bodies, LANES);
  await check(client, rawName, options);
  return seconds;
}
