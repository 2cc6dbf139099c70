import { once } from 'node:events';
import { jdbcOptions, jdbcUrl } from '../../clients/postgres/aggregate/jdbc.js';
import { cancelQueriesOf } from '../../clients/postgres/aggregate/lock.js';
import {
  hoursWaiting,
  rangePartsSource,
  rangeUsersQuery,
} from '../../clients/postgres/aggregate/rangeUsers.js';
import { openPostgres, withClient } from '../../clients/postgres/pool.js';
import { missingTables } from '../../clients/postgres/status/queries.js';
import { openSpark } from '../../clients/spark/index.js';
import { damagedFigure, isUnreadableSketch } from '../../clients/postgres/aggregate/damagedFigure.js';
import { SMALL_INPUT } from '../../clients/postgres/aggregate/reading.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { SchemaMismatch } from '../../domain/errors.js';
import { applicationName } from '../../domain/names.js';
import {
  MERGE_CSV_HEADER,
  rangeName,
  rangeUsersCsv,
  rangeUsersJson,
  rangeUsersTable,
  type RangeUsers,
} from '../format/rangeUsers.js';
import { loadConfig } from '../loadConfig.js';
import type { CliContext } from '../support/verb.js';
import type { MergeQuery } from './options.js';

/** Rows of the table without --limit. */
const TABLE_ROWS = 20;
const VIEW = 'range_parts';
const STATEMENT_TIMEOUT_MS = 10 * 60_000;

const NOBODY: RangeUsers = { url: null, country: null, clicks: 0n, users: 0n, exact: true };

/**
 * Unique users of a range of hours by the union of the stored sketches, through Spark: batches of one row per URL and
 * country, the very first row that over all of them. Reads click_metrics in one statement, and no clicks.
 * Errors: ServerUnavailable, ServerRefused, SchemaMismatch, FigureDamaged.
 */
export async function* mergeUsers(
  config: Config,
  servers: Servers,
  query: MergeQuery,
  ctx: Pick<CliContext, 'signal' | 'progress'>,
): AsyncGenerator<RangeUsers[], void, undefined> {
  const { name } = config;
  const { range } = query;
  const postgres = openPostgres(servers, name);
  const application = applicationName(name, 'spark', 'metrics', String(process.pid));
  try {
    const url = await withClient(postgres, `${name}:metrics`, async (client) => {
      const missing = await missingTables(client, name);
      if (missing.length > 0)
        throw new SchemaMismatch(
          `PostgreSQL's schema ${name} lacks ${missing.slice(0, 3).join(', ')}: run \`clickstream migrate\``,
        );
      const hours = await hoursWaiting(client, range);
      if (hours > 0) ctx.progress(`hours of the range that wait to be computed by the next run: ${hours}`);
      return jdbcUrl(servers.spark.jdbcUrl, client);
    });
    const spark = await openSpark(servers.spark.remote, { signal: ctx.signal });
    try {
      await spark.set(SMALL_INPUT, ctx.signal);
      const source = rangePartsSource(name, range);
      const options = jdbcOptions({
        url,
        source,
        applicationName: application,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      });
      await spark.createView(VIEW, 'jdbc', options, { signal: ctx.signal });
      const { query: sql, values } = rangeUsersQuery(VIEW, query, query.sort, query.limit);
      for await (const batch of spark.query(sql, values, { signal: ctx.signal })) {
        const column = (of: string) => batch.getChild(of);
        yield Array.from({ length: batch.numRows }, (_, row) => ({
          url: column('url')?.get(row) as string | null,
          country: column('country')?.get(row) as string | null,
          clicks: column('click_count')?.get(row) as bigint,
          users: column('unique_users')?.get(row) as bigint,
          exact: column('unique_users_exact')?.get(row) as boolean,
        }));
      }
    } catch (e) {
      await cancelQueriesOf(postgres.pool, application).catch(() => undefined);
      if (ctx.signal.aborted || !isUnreadableSketch(e)) throw e;
      throw (await damagedFigure(spark, postgres, VIEW, { signal: ctx.signal }).catch(() => undefined)) ?? e;
    } finally {
      await spark.close();
    }
  } finally {
    await postgres.close();
  }
}

/** `metrics --merge`: each key's people, then those of all keys. */
export async function printMerged(ctx: CliContext, query: MergeQuery, csv: boolean): Promise<void> {
  const { config, servers } = await loadConfig({ ...(ctx.config !== undefined && { config: ctx.config }) });
  const { range } = query;
  const lines = ctx.json || csv;
  const line = ctx.json ? rangeUsersJson : rangeUsersCsv;
  const rows = query.limit ?? TABLE_ROWS;
  // One more than is shown tells whether there are more.
  const limit = lines ? query.limit : rows + 1;
  const batches = mergeUsers(config, servers, { ...query, ...(limit !== undefined && { limit }) }, ctx);
  let all: RangeUsers | undefined;
  const shown: RangeUsers[] = [];
  for await (const batch of batches) {
    const keys = all === undefined ? batch.slice(1) : batch;
    if (all === undefined && csv) ctx.out(MERGE_CSV_HEADER);
    all ??= batch[0];
    if (!lines) shown.push(...keys);
    else if (keys.length > 0) {
      ctx.out(keys.map((row) => line(range, row)).join('\n'));
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain', { signal: ctx.signal });
    }
  }
  if (lines) {
    if (all === undefined && csv) ctx.out(MERGE_CSV_HEADER);
    ctx.out(line(range, all ?? NOBODY));
    return;
  }
  if (all === undefined) {
    ctx.progress(
      `no clicks ${rangeName(range)}: nothing matches, or no run of the pipeline has computed it yet`,
    );
    return;
  }
  const width = process.stdout.isTTY ? process.stdout.columns : 200;
  ctx.out(`people ${rangeName(range)}`);
  ctx.out(rangeUsersTable([...shown.slice(0, rows), all], width));
  if (shown.length > rows) ctx.progress('… and more: --limit N for N rows, --csv or --json for everything');
}
