import type pg from 'pg';

/**
 * Removes up to `limit` dead letters that were rejected more than `keepDays` days ago, oldest first, and counts
 * them as retired in the same statement. PostgreSQL's clock dated them and judges them. One that a replay holds
 * is left to it.
 * @returns how many
 */
export async function expireDeadLetters(
  client: Pick<pg.ClientBase, 'query'>,
  keepDays: number,
  limit: number,
): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    `WITH gone AS (
       DELETE FROM dead_letter WHERE dead_letter_id IN (
         SELECT dead_letter_id FROM dead_letter WHERE rejected_at < now() - $1 * interval '1 day'
          ORDER BY rejected_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING 1
     ), counted AS (
       UPDATE retired SET amount = amount + (SELECT count(*) FROM gone)
        WHERE what = 'dead_letters' AND EXISTS (SELECT FROM gone)
     )
     SELECT count(*) AS n FROM gone`,
    [keepDays, limit],
  );
  return Number(rows[0]?.n ?? 0);
}
