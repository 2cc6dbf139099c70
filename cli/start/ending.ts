import { relative } from 'node:path';
import { openElasticsearch, searchFigures, type Figure } from '../../clients/elasticsearch/index.js';
import { openKafka } from '../../clients/kafka/index.js';
import { openPostgres, withClient } from '../../clients/postgres/pool.js';
import { readAccount } from '../../clients/postgres/status/queries.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { applicationName } from '../../domain/names.js';
import type { Counts, PipelineResult } from '../../domain/stages.js';
import { grouped, humanTime } from '../format/numbers.js';
import { table } from '../format/table.js';
import { equation } from '../support/runs.js';
import { verifyText } from '../verbs/verify.js';
import { verify, type VerifyReport } from '../verify/collect.js';
import type { Demo } from './demo.js';

/** Rows of the table at the end of a run. */
const TOP = 10;

/** The URLs × countries with the most clicks, straight from the index. */
async function topFigures({ config, servers }: Settings, signal: AbortSignal): Promise<string> {
  const client = openElasticsearch(servers);
  const found: Figure[] = [];
  try {
    const query = { grain: 'total', sort: 'click_count', limit: TOP } as const;
    for await (const page of searchFigures(client, config.name, query, { signal })) found.push(...page);
  } finally {
    await client.close();
  }
  return table(
    [
      { title: 'URL', max: 60 },
      { title: 'country' },
      { title: 'clicks', align: 'right' },
      { title: 'people', align: 'right' },
      { title: 'time, average', align: 'right' },
    ],
    found.map((figure) => [
      figure.url,
      figure.country,
      grouped(figure.click_count),
      `${figure.unique_users_exact ? '' : '≈ '}${grouped(figure.unique_users)}`,
      figure.avg_time_spent_ms === null ? '–' : humanTime(figure.avg_time_spent_ms),
    ]),
  );
}

interface Checked {
  readonly counts: Counts;
  readonly report: VerifyReport;
}

/** The account of everything so far, and everything recomputed and compared. */
async function check({ ctx, settings }: Demo): Promise<Checked> {
  const { config, servers } = settings;
  const postgres = openPostgres(servers, config.name);
  const elasticsearch = openElasticsearch(servers);
  const kafka = openKafka(servers, `${config.name}-start`);
  try {
    const name = applicationName(config.name, 'start', 'account', String(process.pid));
    const counts = await withClient(postgres, name, readAccount);
    const report = await verify(
      config,
      { postgres, elasticsearch, kafka },
      { drained: false, signal: ctx.signal, progress: (text) => ctx.status(text) },
    );
    return { counts, report };
  } finally {
    await Promise.allSettled([kafka.close(), elasticsearch.close(), postgres.close()]);
  }
}

/** How fast the stages were: records per second through ingestion, then the two others' times. */
function pace({ ingest, ingestMs, analyze }: PipelineResult): string {
  const { aggregation, index } = analyze;
  const rate = ingestMs === 0 ? 0 : Math.round((ingest.counts.records / ingestMs) * 1000);
  return [
    `ingested ${grouped(ingest.counts.records)} records in ${humanTime(ingestMs)} (${grouped(rate)} a second)`,
    `aggregated in ${humanTime(aggregation.ms)}`,
    index === undefined ? 'index behind' : `indexed in ${humanTime(index.ms)}`,
  ].join(', ');
}

/**
 * What a run is for: the account, the figures, and where to look.
 * @param link address of the run in Temporal's web UI
 * @param ms   since the command began
 * @returns whether everything recomputed is equal
 */
export async function printEnding(
  demo: Demo,
  result: PipelineResult,
  link: string | undefined,
  ms: number,
): Promise<boolean> {
  const { ctx, settings } = demo;
  const { counts, report } = await check(demo);
  const config = relative(process.cwd(), settings.file);
  const figures = await topFigures(settings, ctx.signal);
  ctx.result(
    { ok: report.ok, ...counts, outcome: result.analyze.outcome, link, page: demo.page, ms, verify: report },
    [
      '',
      `${equation(counts)}     ${report.ok ? '✔ recomputed in SQL, equal' : '✘ recomputed in SQL, different:'}`,
      ...(report.ok ? [] : [verifyText(report)]),
      '',
      figures,
      '',
      `${pace(result)}; all in ${humanTime(ms)}`,
      ...(result.analyze.indexError === undefined ? [] : [`index behind: ${result.analyze.indexError}`]),
      ...(demo.page === undefined ? [] : [`The page  ${demo.page}`]),
      ...(link === undefined ? [] : [`This run  ${link}`]),
      `More      ${demo.options.once ? 'npx clickstream up; ' : ''}npx clickstream --config ${config} ${demo.options.once ? 'web' : 'metrics --grain day'}   (status, verify, --help)`,
    ].join('\n'),
  );
  return report.ok;
}
