/**
 * A tombstone has done its work when every index of its grain has been sent it (all cursors are past its version)
 * and Elasticsearch has forgotten the delete's version (`index.gc_deletes`): no write so old can be under way.
 */
import type pg from 'pg';

type Client = Pick<pg.ClientBase, 'query'>;

/** `index.gc_deletes` of the indices. */
const FORGOTTEN_AFTER = "interval '24 hours'";

const DONE = `m.deleted
  AND m.version < (SELECT min(c.version) FROM index_cursor c WHERE c.grain = m.grain)
  AND m.version <= (SELECT max(r.version) FROM aggregate_run r WHERE r.finished_at < now() - ${FORGOTTEN_AFTER})`;

export async function hasDoneTombstones(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ some: boolean }>(
    `SELECT EXISTS (SELECT FROM click_metrics m WHERE ${DONE}) AS some`,
  );
  return rows[0]?.some ?? false;
}

/** Removes up to `limit` of them; the caller holds the figures' lock. @returns how many */
export async function purgeTombstones(client: Client, limit: number): Promise<number> {
  const { rowCount } = await client.query(
    `DELETE FROM click_metrics WHERE figure_id IN (SELECT m.figure_id FROM click_metrics m WHERE ${DONE} LIMIT $1)`,
    [limit],
  );
  return rowCount ?? 0;
}
