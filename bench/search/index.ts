/** The page's own queries over a million figures, through its own server, and the page in a browser. */
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Client } from '@elastic/elasticsearch';
import { inPages, sendPages } from '../../activities/sendPages.js';
import {
  ensureIndices,
  openElasticsearch,
  refresh,
  REQUEST_FIGURES,
  sendBulk,
} from '../../clients/elasticsearch/index.js';
import { projectRoot } from '../../clients/settings/loadConfig.js';
import { silentLogger } from '../../domain/logger.js';
import { GRAINS, readAlias, type Grain } from '../../domain/names.js';
import { createWebServer } from '../../web/server/server.js';
import { readStaticFiles } from '../../web/server/staticFiles.js';
import { dropIndices } from '../indices.js';
import type { Bench } from '../ingest/bench.js';
import { BEGIN_MS, DAYS, makeFigures } from './figures.js';
import { timesOf, type SearchSummary } from './summary.js';

export { describeSearch } from './summary.js';

export interface SearchBenchOptions {
  /** Documents of the hours; days, months and the total come on top. */
  readonly documents: number;
  readonly rounds: number;
}

const PATIENCE = 60_000;

/** What readers do, as the page asks it. The range of 30 days is the last of the data. */
const QUERIES: Readonly<Record<string, string>> = (() => {
  const day = (n: number): string => new Date(BEGIN_MS + n * 86_400_000).toISOString().slice(0, 10);
  const month = `from=${day(DAYS - 30)}&to=${day(DAYS)}`;
  return {
    'overview, all time': 'overview',
    'overview, 30 days, compared': `overview?${month}&compare=previous`,
    'overview, 30 days by hour': `overview?${month}&grain=hour`,
    'overview, a country': 'overview?country=DE',
    'overview, a URL': 'overview?url=%2Fbooks%2Fproduct-5',
    'overview, search as you type': 'overview?q=prod',
    'top URLs, all time': 'top?by=url&limit=15',
    'top URLs, 30 days': `top?by=url&limit=15&${month}`,
    'top URLs, 30 days, a country, by average time': `top?by=url&limit=15&${month}&country=DE&sort=avg_time_spent_ms`,
    'top URLs, search as you type': 'top?by=url&limit=15&q=gard',
    'top countries, all time': 'top?by=country&limit=250',
    'top countries, 30 days': `top?by=country&limit=250&${month}`,
  };
})();

async function fill(client: Client, name: string, bench: Bench, documents: number) {
  const indices = await ensureIndices(client, name, bench.signal);
  const targetOf = (grain: Grain) => indices.find((one) => one.grain === grain) ?? { index: '' };
  const counts = { hour: 0, day: 0, month: 0, total: 0 };
  const patience = { patienceMs: PATIENCE, signal: bench.signal };
  for (const { grain, rows } of makeFigures(documents)) {
    await sendPages(
      inPages([rows], REQUEST_FIGURES),
      (page) => sendBulk(client, targetOf(grain), page, patience),
      (_, { indexed }) => void (counts[grain] += indexed),
    );
  }
  await refresh(
    client,
    indices.map(({ index }) => index),
    bench.signal,
  );
  return counts;
}

/** Milliseconds until the whole answer is there. @throws when it is not the answer to a good question */
async function ask(address: string, signal: AbortSignal): Promise<number> {
  const begun = performance.now();
  const response = await fetch(address, { signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`${address} was answered ${response.status}: ${text.slice(0, 300)}`);
  return performance.now() - begun;
}

/** Each query is asked anew: the index's caches, which hold the answers of a page that nobody indexes into, are emptied. */
async function askAll(url: string, rounds: number, forget: () => Promise<unknown>, signal: AbortSignal) {
  const times = new Map(Object.keys(QUERIES).map((name) => [name, [] as number[]]));
  // Round 0 warms the files' and the compiler's caches, and is not counted.
  for (let round = 0; round <= rounds; round += 1)
    for (const [name, query] of Object.entries(QUERIES)) {
      await forget();
      const ms = await ask(`${url}api/${query}`, signal);
      if (round > 0) times.get(name)?.push(ms);
    }
  return [...times].map(([name, values]) => timesOf(name, values));
}

export async function searchBench(bench: Bench, options: SearchBenchOptions): Promise<SearchSummary> {
  bench.report(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(2) ?? '?'} before the start`);
  const name = `bench_search_${process.pid}`;
  const client = openElasticsearch(bench.servers);
  const nothing = {
    last_event: null,
    last_run: null,
    lag_records: null,
    runs_url: null,
    index_in_step: null,
  };
  const server = createWebServer({
    index: { client, name },
    freshness: { read: () => Promise.resolve(nothing), close: () => Promise.resolve() },
    files: readStaticFiles(join(projectRoot(), 'dist/web/page')),
    logger: silentLogger,
  });
  try {
    const begun = performance.now();
    const counts = await fill(client, name, bench, options.documents);
    const documents = counts.hour + counts.day + counts.month + counts.total;
    const seconds = (performance.now() - begun) / 1000;
    bench.report(
      `${documents.toLocaleString('en-US')} documents made and indexed in ${seconds.toFixed(0)} s`,
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const index = GRAINS.map((grain) => readAlias(name, grain));
    const forget = () => client.indices.clearCache({ index, request: true, query: true });
    const queries = await askAll(url, options.rounds, forget, bench.signal);
    const csvMs = await ask(`${url}api/figures?format=csv&grain=day`, bench.signal);
    // Its browser is a package for development, which the other benchmarks do without.
    const { firstPaint } = await import('./firstPaint.js');
    const { totalsMs, allMs, bytes } = await firstPaint(url);
    return {
      hour_documents: counts.hour,
      documents,
      rounds: options.rounds,
      queries,
      csv_rows_per_s: Math.round((1000 * counts.day) / csvMs),
      first_totals_ms: Math.round(totalsMs),
      first_all_ms: Math.round(allMs),
      page_bytes: bytes,
    };
  } finally {
    server.closeAllConnections();
    server.close();
    await dropIndices(client, name);
    await client.close();
  }
}
