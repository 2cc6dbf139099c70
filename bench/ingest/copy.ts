/**
 * The limit: what PostgreSQL takes when somebody only copies. Two processes, a connection and a transaction each,
 * stream prepared files of the very rows that a run of ours left into tables with the same indexes.
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

export const FORMATS = ['csv', 'binary'] as const;
export type Format = (typeof FORMATS)[number];
const STREAMS = [0, 1] as const;

/** Rows as files, by format, stream and family. */
export interface Prepared {
  readonly folder: string;
  readonly rows: number;
  readonly days: readonly Day[];
}

/** The argument of copyStream.ts. */
export interface CopyWork {
  readonly name: string;
  readonly format: Format;
  readonly copies: readonly {
    readonly family: Family;
    readonly columns: readonly string[];
    readonly file: string;
  }[];
}

const fileOf = (folder: string, format: Format, stream: number, family: Family): string =>
  join(folder, `${family}-${stream}.${format}`);

const columnsOf = (family: Family): string[] =>
  familyColumns(configurationOf(PLAIN).config, family).map(({ name }) => name);
const PLAIN = { name: 'bench_copy', topic: 'none', values: 'as sent', spoolDir: '/' } as const;

/** Exports the tables, each stream what one shard wrote, in the order in which it stands there. */
export async function prepareFiles(bench: Bench, postgres: Postgres, rows: number): Promise<Prepared> {
  const { folder } = bench;
  const days = await withClient(postgres, `${postgres.name}:bench`, async (client) => {
    for (const format of FORMATS)
      for (const stream of STREAMS)
        for (const family of FAMILIES) {
          const columns = columnsOf(family).map(quoteIdent).join(', ');
          const select = `SELECT ${columns} FROM ${quoteIdent(family)} WHERE (click_id >> 40) & 1 = ${stream}`;
          const out = client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT ${format})`));
          await pipeline(out, createWriteStream(fileOf(folder, format, stream, family)));
        }
    return [...(await existingDays(client))];
  });
  return { folder, rows, days };
}

export async function runCopy(bench: Bench, prepared: Prepared, format: Format): Promise<Run> {
  const { config } = configurationOf(PLAIN);
  const { rows, days, folder } = prepared;
  return withTables(bench, config, async (postgres) => {
    await makeDays(postgres, days);
    const streams = await Promise.all(
      STREAMS.map((stream) => {
        const copies = FAMILIES.map((family) => ({
          family,
          columns: columnsOf(family),
          file: fileOf(folder, format, stream, family),
        }));
        const work: CopyWork = { name: config.name, format, copies };
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
