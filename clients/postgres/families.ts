import type pg from 'pg';
import type { Column, ColumnType, Config } from '../../domain/config/config.js';
import { ConfigurationError, SchemaMismatch } from '../../domain/errors.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import { quoteIdent } from './sql.js';

/** The columns that every family has before the configured ones. */
export const FIXED_COLUMNS: Readonly<Record<Family, readonly { name: string; type: ColumnType }[]>> = {
  click_data: [
    { name: 'click_id', type: 'bigint' },
    { name: 'event_id', type: 'uuid' },
    { name: 'event_time', type: 'timestamptz' },
  ],
  geo_data: [
    { name: 'click_id', type: 'bigint' },
    { name: 'event_time', type: 'timestamptz' },
  ],
  user_agent_data: [
    { name: 'click_id', type: 'bigint' },
    { name: 'event_time', type: 'timestamptz' },
  ],
};

/** As `format_type` spells them. */
export const SQL_TYPE: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  integer: 'integer',
  bigint: 'bigint',
  double: 'double precision',
  boolean: 'boolean',
  timestamptz: 'timestamp with time zone',
  date: 'date',
  inet: 'inet',
  uuid: 'uuid',
  jsonb: 'jsonb',
};

export const CLICKS_VIEW = 'clicks';

/** A family's columns in the order of its rows in the spool: the fixed ones, then the configured ones. */
export const familyColumns = (
  config: Config,
  family: Family,
): readonly { name: string; type: ColumnType }[] => [...FIXED_COLUMNS[family], ...config.families[family]];

interface Found {
  readonly column: string;
  readonly type: string;
}

async function existingColumns(client: pg.ClientBase, table: string): Promise<readonly Found[]> {
  const { rows } = await client.query<Found>(
    `SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
       FROM pg_attribute a
      WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum`,
    [quoteIdent(table)],
  );
  return rows;
}

const typeConflict = (family: Family, column: Column, found: string): string =>
  `${family}.${column.name}: the configuration says ${column.type} (${SQL_TYPE[column.type]}), the table has ${found}`;

/**
 * Makes the family tables, or adds the configured columns that they lack. Columns that are no longer configured
 * stay; they may not be NOT NULL.
 * @returns what was done, in words
 * @throws ConfigurationError: a column would change its type
 */
export async function migrateFamilies(client: pg.ClientBase, config: Config): Promise<readonly string[]> {
  const done: string[] = [];
  for (const family of FAMILIES) {
    const found = new Map((await existingColumns(client, family)).map((c) => [c.column, c.type]));
    if (found.size === 0) {
      await createFamily(client, config, family);
      done.push(`table ${family} made`);
      continue;
    }
    for (const column of config.families[family]) {
      const type = found.get(column.name);
      if (type === undefined) {
        // Without NOT NULL: the rows that are there have no value.
        await client.query(
          `ALTER TABLE ${quoteIdent(family)} ADD COLUMN ${quoteIdent(column.name)} ${SQL_TYPE[column.type]}`,
        );
        done.push(`column ${family}.${column.name} added`);
      } else if (type !== SQL_TYPE[column.type]) {
        throw new ConfigurationError(
          `${typeConflict(family, column, type)}. A column's type is not changed in place. Either give the configured ` +
            `column another name, or stop the workers and run ` +
            `ALTER TABLE ${quoteIdent(config.name)}.${quoteIdent(family)} ALTER COLUMN ${quoteIdent(column.name)} ` +
            `TYPE ${SQL_TYPE[column.type]} USING …; then \`clickstream migrate\` again`,
        );
      }
    }
  }
  if (await migrateView(client, config)) done.push(`view ${CLICKS_VIEW} made`);
  return done;
}

async function createFamily(client: pg.ClientBase, config: Config, family: Family): Promise<void> {
  const fixed = FIXED_COLUMNS[family].map((c) => `${quoteIdent(c.name)} ${SQL_TYPE[c.type]} NOT NULL`);
  const configured = config.families[family].map((c) => `${quoteIdent(c.name)} ${SQL_TYPE[c.type]}`);
  await client.query(
    `CREATE TABLE ${quoteIdent(family)} (${[...fixed, ...configured].join(', ')}) PARTITION BY RANGE (event_time)`,
  );
}

/** The families side by side, for people. A name that two families share carries its family in front. */
async function migrateView(client: pg.ClientBase, config: Config): Promise<boolean> {
  const fixed = FIXED_COLUMNS.click_data.map((c) => c.name);
  const all = FAMILIES.flatMap((family) => config.families[family].map((c) => ({ family, name: c.name })));
  const named = all.map(({ family, name }) => {
    const shared = fixed.includes(name) || all.filter((other) => other.name === name).length > 1;
    return { family, name, as: shared ? `${family}_${name}` : name };
  });
  const wanted = [...fixed, ...named.map((c) => c.as)];
  const found = (await existingColumns(client, CLICKS_VIEW)).map((c) => c.column);
  if (JSON.stringify(found) === JSON.stringify(wanted)) return false;
  const columns = [
    ...fixed.map((name) => `click_data.${quoteIdent(name)}`),
    ...named.map((c) => `${c.family}.${quoteIdent(c.name)} AS ${quoteIdent(c.as)}`),
  ];
  const view = quoteIdent(CLICKS_VIEW);
  await client.query(`DROP VIEW IF EXISTS ${view}`);
  await client.query(
    `CREATE VIEW ${view} AS SELECT ${columns.join(', ')}
       FROM click_data
       LEFT JOIN geo_data USING (click_id, event_time)
       LEFT JOIN user_agent_data USING (click_id, event_time)`,
  );
  return true;
}

/** @throws SchemaMismatch: a family table lacks a configured column, or has it in another type */
export async function checkFamilies(client: pg.ClientBase, config: Config): Promise<void> {
  for (const family of FAMILIES) {
    const found = new Map((await existingColumns(client, family)).map((c) => [c.column, c.type]));
    for (const column of config.families[family]) {
      const type = found.get(column.name);
      if (type === undefined)
        throw new SchemaMismatch(
          `the table ${family} has no column ${column.name} that the configuration names: run \`clickstream migrate\``,
        );
      if (type !== SQL_TYPE[column.type]) throw new SchemaMismatch(typeConflict(family, column, type));
    }
  }
}
