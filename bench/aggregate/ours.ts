/** The product's read and its query for hours: inside an exported snapshot, its views, its settings. */
import { jdbcOptions } from '../../clients/postgres/aggregate/jdbc.js';
import { planReading } from '../../clients/postgres/aggregate/reading.js';
import { estimateClicks, exportSnapshot } from '../../clients/postgres/aggregate/run.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { createViews, type SparkSupply } from '../../clients/spark/index.js';
import type { Config } from '../../domain/config/config.js';
import { tallyArrow, type Tally } from './tally.js';

const HOUR_MS = 3_600_000;

export interface Ours {
  /** One session for all runs, as a worker has it. */
  readonly spark: SparkSupply;
  readonly postgres: Postgres;
  readonly config: Config;
  /** PostgreSQL as Spark sees it. */
  readonly url: string;
  readonly signal: AbortSignal;
}

export async function runOurs(
  { spark, postgres, config, url, signal }: Ours,
  hours: readonly number[],
): Promise<Tally> {
  return withClient(postgres, `${postgres.name}:bench`, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const clicks = await estimateClicks(client, hours[0] ?? 0, (hours.at(-1) ?? 0) + HOUR_MS);
    const snapshot = await exportSnapshot(client);
    const session = await spark.session();
    try {
      const {
        views,
        hours: figures,
        settings,
      } = planReading(config, { hours, clicks, stored: 0, suffix: 'bench' });
      await session.set(settings, signal);
      const read = { url, snapshot, applicationName: `${config.name}:bench`, statementTimeoutMs: 600_000 };
      const sources = views.map(({ name, source }) => [name, jdbcOptions({ ...read, source })] as const);
      await createViews(session, 'jdbc', new Map(sources), { signal });
      return await tallyArrow(session.query(figures.query, {}, { signal }));
    } finally {
      await client.query('ROLLBACK');
    }
  });
}
