import type pg from 'pg';
import type { Column, ColumnType, Config } from '../../domain/config/config.js';
import { ConfigurationError, SchemaMismatch } from '../../domain/errors.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import { withBriefLock } from './briefLock.js';
import { quoteIdent } from './sql.js';
import { createTimeIndex } from './timeIndex.js';

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

/** The view that joins the families. */
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

/** Those of the installation's own table: another of that name in `public` is none of ours. */
export async function existingColumns(client: pg.ClientBase, table: string): Promise<readonly Found[]> {
  const { rows } = await client.query<Found>(
    `SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
       FROM pg_attribute a
      WHERE a.attrelid = to_regclass(format('%I.%I', current_schema(), $1::text)) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum`,
    [table],
  );
  return rows;
}

const typeConflict = (family: Family, column: Column, found: string): string =>
  `${family}.${column.name}: the configuration says ${column.type} (${SQL_TYPE[column.type]}), the table has ${found}`;

/**
 * Makes the family tables, or adds the configured columns that they lack, in one transaction that waits for nobody
 * for long. Columns that are no longer configured stay; they may not be NOT NULL.
 * @returns what was done, in words
 * @throws ConfigurationError: a column would change its type; ServerUnavailable: others hold the tables
 */
export async function migrateFamilies(
  client: pg.ClientBase,
  config: Config,
  patienceMs: number,
): Promise<readonly string[]> {
  const absent: Family[] = [];
  const added: Column[] = [];
  for (const family of FAMILIES) {
    const found = new Map((await existingColumns(client, family)).map((c) => [c.column, c.type]));
    if (found.size === 0) absent.push(family);
    else added.push(...missingColumns(config, family, found));
  }
  if (absent.length + added.length === 0) return [];
  const tables = FAMILIES.filter((family) => added.some((column) => column.family === family));
  await withBriefLock(client, tables.map(quoteIdent), patienceMs, async () => {
    for (const family of absent) await createFamily(client, config, family);
    for (const column of added) await addColumn(client, column);
  });
  return [
    ...absent.map((family) => `table ${family} made`),
    ...added.map(({ family, name }) => `column ${family}.${name} added`),
  ];
}

/** @throws ConfigurationError: a column is there in another type */
function missingColumns(
  config: Config,
  family: Family,
  found: ReadonlyMap<string, string>,
): readonly Column[] {
  return config.families[family].filter((column) => {
    const type = found.get(column.name);
    if (type !== undefined && type !== SQL_TYPE[column.type])
      throw new ConfigurationError(
        `${typeConflict(family, column, type)}. A column's type is not changed in place. Either give the configured ` +
          `column another name, or stop the workers and run ` +
          `DROP VIEW IF EXISTS ${quoteIdent(config.name)}.${quoteIdent(CLICKS_VIEW)}; ` +
          `ALTER TABLE ${quoteIdent(config.name)}.${quoteIdent(family)} ALTER COLUMN ${quoteIdent(column.name)} ` +
          `TYPE ${SQL_TYPE[column.type]} USING …; then \`clickstream migrate\`, which makes the view again`,
      );
    return type === undefined;
  });
}

/** In the leaves as well. Without NOT NULL, even where it is required: the rows that are there have no value. */
async function addColumn(client: pg.ClientBase, { family, name, type }: Column): Promise<void> {
  await client.query(`ALTER TABLE ${quoteIdent(family)} ADD COLUMN ${quoteIdent(name)} ${SQL_TYPE[type]}`);
}

async function createFamily(client: pg.ClientBase, config: Config, family: Family): Promise<void> {
  const fixed = FIXED_COLUMNS[family].map((c) => `${quoteIdent(c.name)} ${SQL_TYPE[c.type]} NOT NULL`);
  const configured = config.families[family].map((c) => `${quoteIdent(c.name)} ${SQL_TYPE[c.type]}`);
  await client.query(
    `CREATE TABLE ${quoteIdent(family)} (${[...fixed, ...configured].join(', ')}) PARTITION BY RANGE (event_time)`,
  );
  await createTimeIndex(client, family);
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
      if (type !== SQL_TYPE[column.type])
        throw new SchemaMismatch(
          `${typeConflict(family, column, type)}: \`clickstream migrate\` says what to do`,
        );
    }
  }
}
