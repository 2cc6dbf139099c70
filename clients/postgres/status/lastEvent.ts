import type { ClientBase } from 'pg';

/**
 * The time of the latest click in the hour of the latest figure, or later; null when there is none.
 * Reads the newest days alone.
 */
export async function readLastEvent(client: ClientBase): Promise<string | null> {
  const { rows } = await client.query<{ at: string | null }>(
    `SELECT to_char(max(event_time) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
     FROM click_data
     WHERE event_time >= (SELECT max(window_start) FROM click_metrics WHERE grain = 'hour' AND NOT deleted)`,
  );
  return rows[0]?.at ?? null;
}
