import type { ClientBase } from 'pg';
import type { Grain } from '../../../domain/names.js';
import type { Cursor } from './figures.js';

export interface IndexKey {
  readonly grain: Grain;
  readonly index: string;
  readonly uuid: string;
}
export interface StoredCursor extends Cursor {
  readonly uuid: string;
}

/**
 * The index's cursor. An index without one, or with another uuid than the stored (it was deleted and made
 * again), starts at zero.
 */
export async function openCursor(client: ClientBase, key: IndexKey): Promise<Cursor> {
  const { rows } = await client.query<Cursor>(
    `INSERT INTO index_cursor AS c (index_name, grain, uuid) VALUES ($1, $2, $3)
     ON CONFLICT (index_name) DO UPDATE SET
       grain = excluded.grain,
       uuid = excluded.uuid,
       version = CASE WHEN c.uuid = excluded.uuid THEN c.version ELSE 0 END,
       figure_id = CASE WHEN c.uuid = excluded.uuid THEN c.figure_id ELSE '\\x'::bytea END
     RETURNING version::text AS version, encode(figure_id, 'hex') AS "figureId"`,
    [key.index, key.grain, key.uuid],
  );
  const [cursor] = rows;
  if (cursor === undefined) throw new Error(`index_cursor gave no row for ${key.index}`);
  return cursor;
}

/**
 * Moves the cursor forward, never back and never that of another index of the same name; answers whether it
 * moved. A zombie's page can do neither harm nor good.
 */
export async function moveCursor(client: ClientBase, key: IndexKey, to: Cursor): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE index_cursor SET version = $3::bigint, figure_id = decode($4, 'hex')
     WHERE index_name = $1 AND uuid = $2 AND (version, figure_id) < ($3::bigint, decode($4, 'hex'))`,
    [key.index, key.uuid, to.version, to.figureId],
  );
  return rowCount === 1;
}

/** The cursor as stored; undefined when the index has none. */
export async function readCursor(client: ClientBase, index: string): Promise<StoredCursor | undefined> {
  const { rows } = await client.query<StoredCursor>(
    `SELECT uuid, version::text AS version, encode(figure_id, 'hex') AS "figureId"
     FROM index_cursor WHERE index_name = $1`,
    [index],
  );
  return rows[0];
}

/** Forgets indices that are no more: a cursor that never moves again would keep tombstones for ever. */
export async function forgetIndices(client: ClientBase, indices: readonly string[]): Promise<void> {
  await client.query('DELETE FROM index_cursor WHERE index_name = ANY($1)', [indices]);
}

/** Which indices of a grain have been fed, and up to where. */
export async function readFed(client: ClientBase, grain: Grain): Promise<(IndexKey & StoredCursor)[]> {
  const { rows } = await client.query<IndexKey & StoredCursor>(
    `SELECT grain, index_name AS index, uuid, version::text AS version, encode(figure_id, 'hex') AS "figureId"
     FROM index_cursor WHERE grain = $1 ORDER BY index_name`,
    [grain],
  );
  return rows;
}
