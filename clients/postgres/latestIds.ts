import type pg from 'pg';
import { FAMILIES } from '../../domain/names.js';
import { existingDays, leafName } from './days.js';
import { quoteIdent } from './sql.js';

/** Pages read at a time: 16 MiB. */
const PAGES = 2048;

/**
 * Event ids of 16 bytes, one behind the other, the newest day's last pages first. Not exactly the latest ones: rows lie
 * about in the order in which they came.
 */
export async function* latestEventIds(client: pg.ClientBase): AsyncGenerator<Uint8Array> {
  const days = [...(await existingDays(client))].sort().reverse();
  for (const day of days) {
    const leaf = leafName(FAMILIES[0], day);
    for (let end = await pagesOf(client, leaf); end > 0; end -= PAGES)
      yield await idsOf(client, leaf, Math.max(0, end - PAGES), end);
  }
}

async function pagesOf(client: pg.ClientBase, leaf: string): Promise<number> {
  const { rows } = await client.query<{ pages: number }>(
    `SELECT (pg_relation_size(to_regclass($1)) / current_setting('block_size')::int)::int AS pages`,
    [quoteIdent(leaf)],
  );
  return rows[0]?.pages ?? 0;
}

/** The ids in the pages `from` (inclusive) to `to` (exclusive), as one value: 32 bytes of text per id would cost more. */
async function idsOf(client: pg.ClientBase, leaf: string, from: number, to: number): Promise<Uint8Array> {
  const { rows } = await client.query<{ ids: Buffer | null }>(
    `SELECT string_agg(uuid_send(event_id), NULL) AS ids FROM ${quoteIdent(leaf)}
      WHERE ctid >= $1::tid AND ctid < $2::tid`,
    [`(${from},0)`, `(${to},0)`],
  );
  return rows[0]?.ids ?? new Uint8Array();
}
