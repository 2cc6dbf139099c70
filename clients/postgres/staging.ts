/**
 * The candidates' path: rows whose id may have been seen go through temporary tables, and the unique index of the day
 * decides. The tables have the configured types, whatever the families' tables have become since, and no constraint.
 */
import type pg from 'pg';
import type { Config } from '../../domain/config/config.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import type { CopyType } from './copyBinary.js';
import { familyColumns, SQL_TYPE } from './families.js';
import { quoteIdent, quoteList } from './sql.js';

type Client = pg.ClientBase;

/** A dead letter's columns in the order of the spool's `rejected` file. */
export const REJECTED_COLUMNS: readonly { readonly name: string; readonly type: CopyType }[] = [
  { name: 'partition', type: 'integer' },
  { name: 'record_offset', type: 'bigint' },
  { name: 'kafka_timestamp', type: 'timestamptz' },
  { name: 'event_id', type: 'uuid' },
  { name: 'reason', type: 'text' },
  { name: 'field', type: 'text' },
  { name: 'message', type: 'text' },
  { name: 'key', type: 'bytea' },
  { name: 'value', type: 'bytea' },
];

export const stagedTable = (table: Family | 'rejected'): string => quoteIdent(`staged_${table}`);

/** What was new of the staged clicks. */
export interface Accepted {
  readonly rows: number;
  /** Minutes since 1970 of their event times, each once. */
  readonly minutes: readonly number[];
}

/** Once a connection: making and dropping them with each batch would bloat the catalog. */
export async function ensureStaging(client: Client, config: Config): Promise<void> {
  const tables = FAMILIES.map((family) => {
    const columns = familyColumns(config, family).map((c) => `${quoteIdent(c.name)} ${SQL_TYPE[c.type]}`);
    return `CREATE TEMPORARY TABLE IF NOT EXISTS ${stagedTable(family)} (${columns.join(', ')}) ON COMMIT DELETE ROWS`;
  });
  await client.query(tables.join(';'));
}

export async function ensureRejectedStaging(client: Client): Promise<void> {
  const columns = REJECTED_COLUMNS.map(({ name, type }) => `${quoteIdent(name)} ${type}`);
  await client.query(
    `CREATE TEMPORARY TABLE IF NOT EXISTS ${stagedTable('rejected')} (${columns.join(', ')}) ON COMMIT DELETE ROWS`,
  );
}

/** Lets halves of what is staged be found quickly, until `dropStagingIndexes`. */
export async function indexStaging(client: Client): Promise<void> {
  await client.query(
    FAMILIES.map((f) => `CREATE INDEX ${quoteIdent(`staged_${f}_id`)} ON ${stagedTable(f)} (click_id)`).join(
      ';',
    ),
  );
  await client.query(`ANALYZE ${FAMILIES.map(stagedTable).join(', ')}`);
}

export async function dropStagingIndexes(client: Client): Promise<void> {
  await client.query(`DROP INDEX ${FAMILIES.map((f) => quoteIdent(`staged_${f}_id`)).join(', ')}`);
}

/**
 * Takes the staged clicks whose id is new, in one order for all batches (two batches with the same ids then wait for
 * each other instead of deadlocking), of several with one id the lowest click_id; and their rows in the other
 * families.
 */
export async function acceptStaged(
  client: Client,
  config: Config,
  between?: { readonly first: bigint; readonly last: bigint },
): Promise<Accepted> {
  const columns = (family: Family): string[] => familyColumns(config, family).map((c) => c.name);
  // In every family, or each half would read all of the other families' rows.
  const part = between === undefined ? '' : ' WHERE click_id BETWEEN $1 AND $2';
  const others = FAMILIES.filter(
    (family) => family !== 'click_data' && config.families[family].length > 0,
  ).map(
    (family) =>
      `, ${quoteIdent(`new_${family}`)} AS (
         INSERT INTO ${quoteIdent(family)} (${quoteList(columns(family))})
         SELECT ${quoteList(columns(family), 's.')} FROM ${stagedTable(family)} s JOIN new_click USING (click_id)${part})`,
  );
  const { rows } = await client.query<Accepted>(
    `WITH new_click AS (
       INSERT INTO click_data (${quoteList(columns('click_data'))})
       SELECT ${quoteList(columns('click_data'))} FROM ${stagedTable('click_data')}
        ${part} ORDER BY event_id, click_id
       ON CONFLICT DO NOTHING
       RETURNING click_id, event_time)${others.join('')}
     SELECT count(*)::int AS rows,
            coalesce(array_agg(DISTINCT floor(extract(epoch FROM event_time) / 60)::int), '{}') AS minutes
       FROM new_click`,
    between === undefined ? [] : [between.first.toString(), between.last.toString()],
  );
  return rows[0] ?? { rows: 0, minutes: [] };
}

/** @returns how many of the staged rejected records are new */
export async function acceptRejected(client: Client, sourceId: number, batchId: string): Promise<number> {
  const columns = REJECTED_COLUMNS.map((c) => c.name);
  const { rowCount } = await client.query(
    `INSERT INTO dead_letter (source_id, batch_id, ${quoteList(columns)})
     SELECT $1, $2, ${quoteList(columns)} FROM ${stagedTable('rejected')} ORDER BY event_id, partition, record_offset
     ON CONFLICT DO NOTHING`,
    [sourceId, batchId],
  );
  return rowCount ?? 0;
}
