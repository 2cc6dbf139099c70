import type pg from 'pg';
import { HOUR_MS, utcDay } from './windows.js';

/**
 * Deletes marks below the floor of retention. No batch makes any; one made by hand would have hours recomputed
 * whose rows are gone. @returns how many
 */
export async function deleteFrozenMarks(client: pg.ClientBase): Promise<number> {
  const { rowCount } = await client.query(
    'DELETE FROM window_mark WHERE window_start < (SELECT floor FROM retention_floor)',
  );
  return rowCount ?? 0;
}

/** The marked hours, oldest first, as ms since 1970. */
export async function markedHours(client: pg.ClientBase): Promise<number[]> {
  const { rows } = await client.query<{ hour: Date }>(
    "SELECT DISTINCT date_trunc('hour', window_start, 'UTC') AS hour FROM window_mark ORDER BY hour",
  );
  return rows.map((row) => row.hour.getTime());
}

/** Clicks in the given hours of one day. */
async function clicksIn(client: pg.ClientBase, hours: readonly number[]): Promise<number> {
  const first = hours[0] ?? 0;
  const last = hours[hours.length - 1] ?? 0;
  const { rows } = await client.query<{ clicks: string }>(
    'SELECT count(*) AS clicks FROM click_data WHERE event_time >= $1 AND event_time < $2',
    [new Date(first).toISOString(), new Date(last + HOUR_MS).toISOString()],
  );
  return Number(rows[0]?.clicks ?? 0);
}

/**
 * The marked hours of whole days, oldest day first: at least one day, and no further day that would take the rows
 * read beyond `maxRows` or the days beyond `maxDays`.
 */
export async function chooseHours(
  client: pg.ClientBase,
  marked: readonly number[],
  bounds: { readonly maxRows: number; readonly maxDays: number },
): Promise<number[]> {
  const days = new Map<number, number[]>();
  for (const hour of marked) days.set(utcDay(hour), [...(days.get(utcDay(hour)) ?? []), hour]);
  // One day is taken whatever it holds: nothing to count.
  if (days.size <= 1) return [...marked];
  const chosen: number[] = [];
  let rows = 0;
  let taken = 0;
  for (const hours of days.values()) {
    rows += await clicksIn(client, hours);
    if (taken > 0 && (rows > bounds.maxRows || taken >= bounds.maxDays)) break;
    chosen.push(...hours);
    taken += 1;
  }
  return chosen;
}

/** Whose marks say that the stored figures above these hours are not to be trusted, changed or not. */
const DAMAGED = 'damaged';

/** Whether somebody marked one of these hours by hand as damaged. */
export async function areDamaged(client: pg.ClientBase, hours: readonly number[]): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM window_mark
     WHERE batch_id = $2 AND date_trunc('hour', window_start, 'UTC') = ANY($1::timestamptz[]) LIMIT 1`,
    [hours.map((hour) => new Date(hour).toISOString()), DAMAGED],
  );
  return rowCount === 1;
}

/** Deletes the marks of these hours that this transaction's snapshot shows; marks appended since then stay. */
export async function deleteMarks(client: pg.ClientBase, hours: readonly number[]): Promise<void> {
  await client.query(
    "DELETE FROM window_mark WHERE date_trunc('hour', window_start, 'UTC') = ANY($1::timestamptz[])",
    [hours.map((hour) => new Date(hour).toISOString())],
  );
}

export async function countMarks(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ marks: string }>('SELECT count(*) AS marks FROM window_mark');
  return Number(rows[0]?.marks ?? 0);
}
