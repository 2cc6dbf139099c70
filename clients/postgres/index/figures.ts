import pg, { type ClientBase } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { FigureRow } from '../../../domain/figure.js';
import type { Grain } from '../../../domain/names.js';
import { FIGURE_ROW_COLUMNS, FigureRows } from './figureRows.js';

/** A place in the order in which figures are sent: everything up to it, inclusive, has an answer. */
export interface Cursor {
  readonly version: string;
  /** Hex. */
  readonly figureId: string;
}

/** What PostgreSQL sends ahead of the reader, bytes; it waits as soon as that is there. */
const AHEAD = 256 * 1024;

/** COPY takes no parameters. */
export const literal = (text: string): string => pg.escapeLiteral(text);

/**
 * The figures that a query has, as they arrive: a group is good until the next one is asked for, a figure until the
 * next figure. The connection is busy until the end; whoever stops before has to give it up.
 * @param query its list is `FIGURE_ROW_COLUMNS`
 */
export async function* copyFigures(
  client: ClientBase,
  grain: Grain,
  query: string,
): AsyncGenerator<Iterable<FigureRow>> {
  const rows = new FigureRows(grain);
  const copy = client.query(copyTo(`COPY (${query}) TO STDOUT (FORMAT binary)`, { highWaterMark: AHEAD }));
  for await (const part of copy as AsyncIterable<Buffer>) yield rows.of(part);
}

/** The next figures and tombstones of a grain above the cursor, in the order of (version, figure_id); see `copyFigures`. */
export function readFigures(
  client: ClientBase,
  grain: Grain,
  after: Cursor,
  limit: number,
): AsyncGenerator<Iterable<FigureRow>> {
  return copyFigures(
    client,
    grain,
    `SELECT ${FIGURE_ROW_COLUMNS}
     FROM click_metrics m
     WHERE m.grain = ${literal(grain)}
       AND (m.version, m.figure_id) > (${literal(after.version)}::bigint, decode(${literal(after.figureId)}, 'hex'))
     ORDER BY m.version, m.figure_id
     LIMIT ${limit}`,
  );
}
