import type { Client } from '@elastic/elasticsearch';
import pg from 'pg';
import { openElasticsearch } from '../../../clients/elasticsearch/index.js';
import { openPostgres, type Postgres } from '../../../clients/postgres/pool.js';
import { quoteIdent } from '../../../clients/postgres/sql.js';
import { parseServers } from '../../../domain/config/servers.js';
import type { Config, Servers } from '../../../domain/config/config.js';
import { GRAINS, indexTemplate, readAlias, type Grain } from '../../../domain/names.js';
import { MIGRATIONS } from '../../../migrations/index.js';
import { NO_EVENT } from '../../support/event.js';

function env(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: integration tests run on real servers`);
  return value;
}

export interface TestInstallation {
  readonly name: string;
  readonly config: Config;
  readonly servers: Servers;
  readonly postgres: Postgres;
  readonly elasticsearch: Client;
  /** Adds figures, or changes those of the same key, under the version. */
  put(version: number, figures: readonly TestFigure[]): Promise<void>;
  /** Turns a figure into a tombstone. */
  vanish(version: number, grain: Grain, url: string, country?: string): Promise<void>;
  drop(): Promise<void>;
}

export interface TestFigure {
  readonly grain?: Grain;
  readonly window?: string;
  readonly url: string;
  readonly country?: string;
  readonly clicks?: number;
  readonly totalMs?: string;
  readonly timed?: number;
}

/** A configuration of which the code under test reads the name and the topics alone. */
function testConfig(name: string): Config {
  const url = { family: 'click_data', name: 'url', type: 'text', required: true, from: [] } as const;
  return {
    name,
    kafka: { topics: [`${name}_clicks`], start: 'earliest' },
    ingest: { batch: { records: 1, bytes: 1, waitMs: 1 }, spool: { bytes: 1 } },
    event: NO_EVENT,
    families: { click_data: [url], geo_data: [], user_agent_data: [] },
    roles: { url },
    analyze: {
      scheduleMs: 60_000,
      workflow: 'pipeline',
      sessionTimeoutMs: 1_800_000,
      indexPatienceMs: 300_000,
    },
    retention: {},
    temporal: { searchAttributes: false },
  };
}

/** A schema of its own with the fixed tables, and no index: dropped again by `drop`. */
export async function testInstallation(name: string): Promise<TestInstallation> {
  const url = env('DATABASE_URL');
  const servers: Servers = {
    kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','), ssl: false },
    postgres: { url },
    spark: { remote: '' },
    elasticsearch: { url: env('ELASTICSEARCH_URL') },
    temporal: parseServers(process.env).temporal,
  };
  const elasticsearch = openElasticsearch(servers);
  const dropSchema = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`DROP SCHEMA IF EXISTS ${quoteIdent(name)} CASCADE`);
    await client.end();
  };
  const dropIndices = async (): Promise<void> => {
    const index = GRAINS.map((grain) => `${readAlias(name, grain)}-*`);
    const found = Object.keys(await elasticsearch.indices.get({ index, ignore_unavailable: true }));
    if (found.length > 0) await elasticsearch.indices.delete({ index: found });
    await elasticsearch.indices.deleteIndexTemplate({ name: indexTemplate(name) }, { ignore: [404] });
  };
  await dropSchema();
  await dropIndices();
  const postgres = openPostgres(servers, name, { max: 4 });
  await postgres.pool.query(`CREATE SCHEMA ${quoteIdent(name)}`);
  for (const migration of MIGRATIONS) await postgres.pool.query(migration.sql);

  return {
    name,
    config: testConfig(name),
    servers,
    postgres,
    elasticsearch,
    async put(version, figures) {
      await postgres.pool.query(
        `INSERT INTO click_metrics (figure_id, grain, window_start, url, country, click_count, bot_clicks,
           unique_users, unique_users_exact, timed_clicks, total_time_spent_ms, avg_time_spent_ms, version)
         SELECT figure_id(f.grain, f."window", f.url, f.country), f.grain, f."window", f.url, f.country,
           f.clicks, 0, 1, true, f.timed, f."totalMs", CASE WHEN f.timed > 0 THEN f."totalMs" / f.timed::float8 END, $1
         FROM json_to_recordset($2::json) AS f(grain text, "window" timestamptz, url text, country text,
           clicks bigint, "totalMs" bigint, timed bigint)
         ON CONFLICT (figure_id) DO UPDATE SET click_count = excluded.click_count, version = excluded.version,
           deleted = false, timed_clicks = excluded.timed_clicks,
           total_time_spent_ms = excluded.total_time_spent_ms, avg_time_spent_ms = excluded.avg_time_spent_ms`,
        [
          version,
          JSON.stringify(
            figures.map((f) => ({ grain: 'total', country: 'DE', clicks: 1, totalMs: '0', timed: 0, ...f })),
          ),
        ],
      );
    },
    async vanish(version, grain, figureUrl, country = 'DE') {
      await postgres.pool.query(
        `UPDATE click_metrics SET deleted = true, click_count = 0, version = $1
         WHERE grain = $2 AND url = $3 AND country = $4`,
        [version, grain, figureUrl, country],
      );
    },
    async drop() {
      await dropIndices();
      await elasticsearch.close();
      await postgres.close();
      await dropSchema();
    },
  };
}
