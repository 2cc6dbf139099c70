/**
 * Which settings each day's figures were computed with: what `backfill_day` says of it, else `aggregate_settings`.
 * A backfill under changed settings notes its days; when none is left that differs, the settings are everybody's.
 */
import type pg from 'pg';
import { FIGURE_DAYS, FLOOR } from './days.js';

type Client = Pick<pg.ClientBase, 'query'>;

export const storedFingerprint = async (client: Client): Promise<string | undefined> => {
  const { rows } = await client.query<{ fingerprint: string }>('SELECT fingerprint FROM aggregate_settings');
  return rows[0]?.fingerprint;
};

/** Days above the floor whose figures were computed with other settings than these, oldest first. */
export async function daysOfOtherSettings(client: Client, fingerprint: string): Promise<readonly Date[]> {
  const { rows } = await client.query<{ day: Date }>(
    `WITH RECURSIVE figure_day AS (${FIGURE_DAYS})
     SELECT f.day FROM figure_day f LEFT JOIN backfill_day b USING (day)
     WHERE f.day IS NOT NULL
       AND coalesce(b.fingerprint, (SELECT fingerprint FROM aggregate_settings)) IS DISTINCT FROM $1
     ORDER BY f.day`,
    [fingerprint],
  );
  return rows.map((row) => row.day);
}

/** Whether any day is noted with other settings than these. */
export async function hasDaysNotedOtherwise(client: Client, fingerprint: string): Promise<boolean> {
  const { rows } = await client.query<{ some: boolean }>(
    `SELECT EXISTS (SELECT FROM backfill_day
                    WHERE fingerprint <> $1 AND day >= ${FLOOR}) AS some`,
    [fingerprint],
  );
  return rows[0]?.some ?? false;
}

/** The days that a backfill has computed with these settings. */
export async function daysNoted(client: Client, fingerprint: string): Promise<readonly Date[]> {
  const { rows } = await client.query<{ day: Date }>('SELECT day FROM backfill_day WHERE fingerprint = $1', [
    fingerprint,
  ]);
  return rows.map((row) => row.day);
}

export async function noteDay(client: Client, day: Date, fingerprint: string): Promise<void> {
  await client.query(
    `INSERT INTO backfill_day (day, fingerprint) VALUES ($1, $2)
     ON CONFLICT (day) DO UPDATE SET fingerprint = excluded.fingerprint`,
    [day.toISOString(), fingerprint],
  );
}

/** From now on all figures are of these settings. */
export async function adoptFingerprint(client: Client, fingerprint: string): Promise<void> {
  await client.query(
    `INSERT INTO aggregate_settings (fingerprint) VALUES ($1)
     ON CONFLICT (only_row) DO UPDATE SET fingerprint = excluded.fingerprint`,
    [fingerprint],
  );
  await client.query('DELETE FROM backfill_day');
}
