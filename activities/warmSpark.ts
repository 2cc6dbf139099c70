import { hourFiguresQuery, rollUpQuery } from '../clients/postgres/aggregate/figureQuery.js';
import { jdbcOptions, jdbcUrl } from '../clients/postgres/aggregate/jdbc.js';
import { SMALL_INPUT } from '../clients/postgres/aggregate/reading.js';
import { sampleClicksSource } from '../clients/postgres/aggregate/source.js';
import { withClient } from '../clients/postgres/pool.js';
import { openSpark } from '../clients/spark/index.js';
import { applicationName } from '../domain/names.js';
import type { AnalyzeDeps } from './deps.js';

const VIEW = 'sample_clicks';
const STATEMENT_TIMEOUT_MS = 60_000;

/**
 * Runs the figures' queries once over made-up clicks, whose figures nobody takes. A Spark that has just started
 * loads and compiles then what it would else during the first run. A session of its own, so that the runs'
 * settings and views are left alone; no table is read. Never throws: what is wrong the first run will say.
 */
export async function warmSpark(deps: AnalyzeDeps, signal: AbortSignal): Promise<void> {
  const { config, servers, logger } = deps;
  const startedAt = Date.now();
  try {
    const session = await openSpark(servers.spark.remote, { signal });
    try {
      await session.set(SMALL_INPUT, signal);
      const application = applicationName(config.name, 'spark', 'warm', 'up');
      const url = await withClient(deps.postgres, application, (client) =>
        Promise.resolve(jdbcUrl(servers.spark.jdbcUrl, client)),
      );
      const options = jdbcOptions({
        url,
        source: sampleClicksSource(),
        applicationName: application,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      });
      await session.createView(VIEW, 'jdbc', options, { signal });
      const hours = `(${hourFiguresQuery([VIEW], true)})`;
      for (const query of [hours, rollUpQuery(hours, undefined)]) {
        const batches = session.query(query, {}, { signal });
        while (!(await batches.next()).done);
      }
    } finally {
      await session.close();
    }
    logger.debug({ ms: Date.now() - startedAt }, 'Spark is warm');
  } catch (e) {
    logger.debug({ err: String(e) }, 'Spark was not warmed up');
  }
}
