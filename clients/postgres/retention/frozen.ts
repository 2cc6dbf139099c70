import type pg from 'pg';

/** Condition on `click_metrics m`: an hour below the floor, whose figures stay as they are. */
export const FROZEN = `m.grain = 'hour' AND NOT m.deleted AND m.window_start < (SELECT floor FROM retention_floor)`;

export interface Frozen {
  /** Begin of the first day that clicks are kept of; null: no day was ever dropped. */
  readonly floor: string | null;
  readonly hours: number;
  /** Clicks that the figures of these hours hold. */
  readonly clicks: number;
}

export async function readFrozen(client: Pick<pg.ClientBase, 'query'>): Promise<Frozen> {
  const { rows } = await client.query<{ floor: string | null; hours: string; clicks: string }>(
    `SELECT (SELECT to_char(floor AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
               FROM retention_floor WHERE isfinite(floor)) AS floor,
            count(DISTINCT m.window_start) AS hours, coalesce(sum(m.click_count), 0) AS clicks
     FROM click_metrics m WHERE ${FROZEN}`,
  );
  return {
    floor: rows[0]?.floor ?? null,
    hours: Number(rows[0]?.hours ?? 0),
    clicks: Number(rows[0]?.clicks ?? 0),
  };
}

/** Rows that retention removed and the ledger goes on counting. */
export async function readRetired(
  client: Pick<pg.ClientBase, 'query'>,
): Promise<{ readonly clicks: number; readonly deadLetters: number }> {
  const { rows } = await client.query<{ what: string; amount: string }>('SELECT what, amount FROM retired');
  const of = (what: string): number => Number(rows.find((row) => row.what === what)?.amount ?? 0);
  return { clicks: of('clicks'), deadLetters: of('dead_letters') };
}
