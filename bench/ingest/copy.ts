/**
 * The limit: what PostgreSQL takes when somebody only copies. Two processes, a connection and a transaction each,
 * stream prepared files of the very rows that a run of ours left into tables with the same indexes: as they came, and,
 * beyond what anybody who copies does, in the order in which ours go in.
 */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { to as copyTo } from 'pg-copy-streams';
import { existingDays, type Day } from '../../clients/postgres/days.js';
import { familyColumns } from '../../clients/postgres/families.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { quoteIdent } from '../../clients/postgres/sql.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import { checkRows, makeDays, measure, perEvent, withTables, type Bench, type Run } from './bench.js';
import { startContestant } from './children.js';
import { configurationOf } from './configuration.js';

const COPIES = ['csv', 'binary', 'sorted'] as const;
/** `sorted`: binary, too. */
export type Copy = (typeof COPIES)[number];
const STREAMS = [0, 1] as const;

/** Rows as files, by kind of copy, stream and family. */
export interface Prepared {
  readonly folder: string;
  readonly rows: number;
  readonly days: readonly Day[];
}

/** The argument of copyStream.ts. */
export interface CopyWork {
  readonly name: string;
  readonly format: 'csv' | 'binary';
  readonly copies: readonly {
    readonly family: Family;
    readonly columns: readonly string[];
    readonly file: string;
  }[];
}

const formatOf = (copy: Copy): CopyWork['format'] => (copy === 'csv' ? 'csv' : 'binary');
const fileOf = (folder: string, copy: Copy, stream: number, family: Family): string =>
  join(folder, `${family}-${stream}.${copy}`);

const columnsOf = (family: Family): string[] =>
  familyColumns(configurationOf(PLAIN).config, family).map(({ name }) => name);
const PLAIN = { name: 'bench_copy', topics: ['none'], values: 'as sent', spoolDir: '/' } as const;

/** Ours sort clicks and leave the other families' rows as they came: these tell in which order that was. */
function rowsOf(copy: Copy, stream: number, family: Family): string {
  const columns = familyColumns(configurationOf(PLAIN).config, family);
  const names = columns.map(({ name }) => `rows.${quoteIdent(name)}`).join(', ');
  const order =
    copy === 'sorted' || family !== 'click_data'
      ? { join: '', by: 'rows.tableoid, rows.ctid' }
      : { join: 'JOIN geo_data geo USING (click_id)', by: 'geo.tableoid, geo.ctid' };
  return `SELECT ${names} FROM ${quoteIdent(family)} rows ${order.join}
           WHERE (click_id >> 40) & 1 = ${stream} ORDER BY ${order.by}`;
}

/** Exports the tables, each stream what one shard wrote. */
export async function prepareFiles(bench: Bench, postgres: Postgres, rows: number): Promise<Prepared> {
  const { folder } = bench;
  const days = await withClient(postgres, `${postgres.name}:bench`, async (client) => {
    for (const copy of COPIES)
      for (const stream of STREAMS)
        for (const family of FAMILIES) {
          const select = rowsOf(copy, stream, family);
          const out = client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT ${formatOf(copy)})`));
          await pipeline(out, createWriteStream(fileOf(folder, copy, stream, family)));
        }
    return [...(await existingDays(client))];
  });
  return { folder, rows, days };
}

export async function runCopy(bench: Bench, prepared: Prepared, copy: Copy): Promise<Run> {
  const { config } = configurationOf(PLAIN);
  const { rows, days, folder } = prepared;
  return withTables(bench, config, async (postgres) => {
    await makeDays(postgres, days);
    const streams = await Promise.all(
      STREAMS.map((stream) => {
        const copies = FAMILIES.map((family) => ({
          family,
          columns: columnsOf(family),
          file: fileOf(folder, copy, stream, family),
        }));
        const work: CopyWork = { name: config.name, format: formatOf(copy), copies };
        return startContestant(bench, './copyStream.js', work);
      }),
    );
    let nodeUs = 0;
    const { seconds, postgresUs } = await measure(postgres, async () => {
      const ends = await Promise.all(streams.map((stream) => stream.go()));
      nodeUs = ends.reduce((sum, us) => sum + Number(us), 0);
    });
    await checkRows(postgres, rows);
    return {
      events: rows,
      seconds,
      nodeUs: perEvent(nodeUs, rows),
      postgresUs: perEvent(postgresUs, rows),
    };
  });
}
