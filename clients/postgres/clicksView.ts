/** The view `clicks`: the families side by side, for people. */
import type pg from 'pg';
import type { Config } from '../../domain/config/config.js';
import { viewColumns } from '../../domain/config/viewColumns.js';
import { ConfigurationError } from '../../domain/errors.js';
import { withBriefLock } from './briefLock.js';
import { sqlState } from './errors.js';
import { CLICKS_VIEW, existingColumns, FIXED_COLUMNS } from './families.js';
import { inTransaction } from './pool.js';
import { quoteIdent } from './sql.js';

const VIEW = quoteIdent(CLICKS_VIEW);

/** The view's columns: name → expression. */
const wantedColumns = (config: Config): ReadonlyMap<string, string> =>
  new Map([
    ...FIXED_COLUMNS.click_data.map(({ name }) => [name, `click_data.${quoteIdent(name)}`] as const),
    ...viewColumns(config.families).map(
      ({ family, name, as }) => [as, `${family}.${quoteIdent(name)}`] as const,
    ),
  ]);

const selecting = (names: readonly string[], columns: ReadonlyMap<string, string>): string =>
  `SELECT ${names.map((name) => `${columns.get(name) ?? 'NULL'} AS ${quoteIdent(name)}`).join(', ')}
     FROM click_data
     LEFT JOIN geo_data USING (click_id, event_time)
     LEFT JOIN user_agent_data USING (click_id, event_time)`;

/**
 * Makes the view, or brings it up to date: added columns come last and leave the view and what is built on it in
 * place; one that is no longer configured, or is another, means a new view.
 * @returns whether anything was done
 * @throws ConfigurationError: the view must be made anew and others are built on it
 */
export async function migrateView(
  client: pg.ClientBase,
  config: Config,
  patienceMs: number,
): Promise<boolean> {
  const columns = wantedColumns(config);
  const names = [...columns.keys()];
  const found = (await existingColumns(client, CLICKS_VIEW)).map((c) => c.column);
  if (found.length === 0) {
    await client.query(`CREATE VIEW ${VIEW} AS ${selecting(names, columns)}`);
    return true;
  }
  if (found.every((name) => columns.has(name))) {
    const query = selecting([...found, ...names.filter((name) => !found.includes(name))], columns);
    if (await isDefinedAs(client, query)) return false;
    if (await replaced(client, query, patienceMs)) return true;
  }
  await makeAnew(client, selecting(names, columns), patienceMs);
  return true;
}

/** As PostgreSQL itself spells the two queries, which needs no lock on the view. */
async function isDefinedAs(client: pg.ClientBase, query: string): Promise<boolean> {
  return inTransaction(client, async () => {
    await client.query(`CREATE TEMPORARY VIEW wanted_clicks AS ${query}`);
    const { rows } = await client.query<{ same: boolean }>(
      `SELECT pg_get_viewdef($1::regclass) = pg_get_viewdef('pg_temp.wanted_clicks'::regclass) AS same`,
      [VIEW],
    );
    await client.query('DROP VIEW pg_temp.wanted_clicks');
    return rows[0]?.same ?? false;
  });
}

/** @returns false: a column's type is another, which PostgreSQL does not replace */
async function replaced(client: pg.ClientBase, query: string, patienceMs: number): Promise<boolean> {
  try {
    await withBriefLock(client, [], patienceMs, () =>
      client.query(`CREATE OR REPLACE VIEW ${VIEW} AS ${query}`),
    );
    return true;
  } catch (e) {
    if (sqlState(e) === '42P16') return false;
    throw e;
  }
}

async function makeAnew(client: pg.ClientBase, query: string, patienceMs: number): Promise<void> {
  try {
    await withBriefLock(client, [], patienceMs, async () => {
      await client.query(`DROP VIEW ${VIEW}`);
      await client.query(`CREATE VIEW ${VIEW} AS ${query}`);
    });
  } catch (e) {
    if (sqlState(e) !== '2BP01') throw e;
    throw new ConfigurationError(
      `the view ${CLICKS_VIEW} must be made anew, since columns of it are no longer configured or are others, and ` +
        `others are built on it (${(await dependents(client)).join(', ')}): drop those, run \`clickstream migrate\`, and make them again`,
    );
  }
}

async function dependents(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT DISTINCT r.ev_class::regclass::text AS name
       FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
      WHERE d.refobjid = $1::regclass AND r.ev_class <> $1::regclass ORDER BY name`,
    [VIEW],
  );
  return rows.map((row) => row.name);
}
