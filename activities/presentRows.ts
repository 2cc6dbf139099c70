import type pg from 'pg';
import { dayOf } from '../clients/postgres/days.js';
import { IdArray, presentIds } from '../clients/postgres/presentIds.js';
import type { ClickKeys } from './clickKeys.js';

const DAY_US = 86_400_000_000;

export const ABSENT = 0;
const PRESENT = 1;
export const RECENT = 2;

/**
 * Asks PostgreSQL which of these rows' events are clicks already.
 * @param each is told after each day
 * @returns for each row one of ABSENT, PRESENT and, when written since `since`, RECENT
 */
export async function presentRows(
  client: pg.ClientBase,
  keys: ClickKeys,
  since: string | undefined,
  each: () => void,
): Promise<Uint8Array> {
  const { ids, timesUs } = keys;
  const present = new Uint8Array(timesUs.length);
  const byDay = new Map<number, number[]>();
  for (const row of inOrderOfIds(ids)) {
    const day = Math.floor((timesUs[row] ?? 0) / DAY_US);
    const rows = byDay.get(day);
    if (rows === undefined) byDay.set(day, [row]);
    else rows.push(row);
  }
  for (const [day, rows] of byDay) {
    const sent = new IdArray(rows.length);
    for (const row of rows) sent.add(ids, row * 16);
    const found = await presentIds(client, dayOf(BigInt(day * DAY_US)), sent, since);
    for (const place of found.places) present[rows[place] ?? 0] = PRESENT;
    for (const place of found.recent) present[rows[place] ?? 0] = RECENT;
    each();
  }
  return present;
}

/** Rows by the first 32 bits of their ids, which is enough for neighbours to be near each other in an index. */
function* inOrderOfIds(ids: Uint8Array): Generator<number> {
  const view = new DataView(ids.buffer, ids.byteOffset, ids.byteLength);
  const rows = ids.length / 16;
  const order = new Float64Array(rows);
  // Exact up to 2^21 rows; a batch has a million at most.
  for (let row = 0; row < rows; row++) order[row] = view.getUint32(row * 16) * rows + row;
  for (const key of order.sort()) yield key % rows;
}
