import type { ClientBase } from 'pg';
import type { IndexKey } from './cursor.js';

/** What one index should hold, in one snapshot. */
export interface Expected {
  /** Figures that are (tombstones are not). */
  readonly figures: number;
  /** Figures and tombstones that the index has not been sent yet. */
  readonly notSent: number;
  /** Figures that are and that the index refused. */
  readonly rejected: number;
}

/** What the index of this key should hold. Without a cursor for its uuid, nothing was sent to it. */
export async function readExpected(client: ClientBase, key: IndexKey): Promise<Expected> {
  const { rows } = await client.query<Record<keyof Expected, string>>(
    `SELECT count(*) FILTER (WHERE NOT m.deleted) AS figures,
       count(*) FILTER (WHERE c.index_name IS NULL OR (m.version, m.figure_id) > (c.version, c.figure_id)) AS "notSent",
       count(*) FILTER (WHERE NOT m.deleted AND r.figure_id IS NOT NULL) AS rejected
     FROM click_metrics m
       LEFT JOIN index_cursor c ON c.index_name = $1 AND c.uuid = $2
       LEFT JOIN index_reject r ON r.index_name = $1 AND r.figure_id = m.figure_id
     WHERE m.grain = $3`,
    [key.index, key.uuid, key.grain],
  );
  const [row] = rows;
  return {
    figures: Number(row?.figures ?? 0),
    notSent: Number(row?.notSent ?? 0),
    rejected: Number(row?.rejected ?? 0),
  };
}
