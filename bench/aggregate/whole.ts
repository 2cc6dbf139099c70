/** The product's run as it is: marks, hours, roll-ups, merge, commit. And a history for it to run on. */
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { startContestant, type Contestant } from '../ingest/children.js';
import type { Bench } from '../ingest/bench.js';
import { markHours } from './clicks.js';

export interface WholeRun {
  readonly hours: number;
  readonly clicks: number;
  /** Figures written. */
  readonly changed: number;
  readonly seconds: number;
  /** Reading, hour figures, roll-ups and their way into PostgreSQL. */
  readonly sparkSeconds: number;
  /** Merge, marks, commit. */
  readonly mergeSeconds: number;
  /** Peak of the process, MB; null where /proc does not tell. */
  readonly rssMb: number | null;
}

/** A worker that runs the activity again and again. */
export const startWorker = (bench: Bench, postgres: Postgres): Promise<Contestant> =>
  startContestant(bench, '../aggregate/worker.js', { name: postgres.name });

/** Marks the hours and runs the activity once over them. */
export async function runWhole(
  worker: Contestant,
  postgres: Postgres,
  hours: readonly number[],
): Promise<WholeRun> {
  await markHours(postgres, hours);
  const run = JSON.parse(await worker.again()) as WholeRun;
  if (run.hours !== hours.length) throw new Error(`the run computed ${run.hours} hours of ${hours.length}`);
  return run;
}

/**
 * Puts a day's figures for `days` further days beside those of the one that the installation holds: the same pages,
 * countries and users on each, so that every key of an hour has a part on every day of its month.
 */
export async function addHistory(postgres: Postgres, days: number): Promise<void> {
  await withClient(postgres, `${postgres.name}:bench`, async (client) => {
    await client.query(
      `INSERT INTO click_metrics
       SELECT figure_id(grain, later, url, country), grain, later, url, country, click_count, bot_clicks,
              unique_users, unique_users_exact, users_sketch, timed_clicks, total_time_spent_ms, avg_time_spent_ms,
              median_time_spent_ms, p90_time_spent_ms, version, deleted
       FROM (SELECT m.*, m.window_start + d * interval '1 day' AS later
             FROM click_metrics m CROSS JOIN generate_series(1, $1::int) d WHERE grain = 'day') m`,
      [days],
    );
    await client.query(
      `UPDATE click_metrics SET click_count = click_count * $1, timed_clicks = timed_clicks * $1,
              total_time_spent_ms = total_time_spent_ms * $1
       WHERE grain IN ('month', 'total')`,
      [days + 1],
    );
    await client.query('VACUUM ANALYZE click_metrics');
  });
}
