/** Made-up hour figures, made by PostgreSQL itself: the same number gives the same rows. */
import { withClient, type Postgres } from '../../clients/postgres/pool.js';

/** Pages per hour, each from one country: URLs as a shop has them, sums as a busy hour has them. */
const PER_HOUR = 1_000;

export async function fillFigures(postgres: Postgres, documents: number): Promise<void> {
  await withClient(postgres, `${postgres.name}:bench`, async (client) => {
    await client.query(
      `INSERT INTO click_metrics (figure_id, grain, window_start, url, country, click_count, bot_clicks, unique_users,
         unique_users_exact, timed_clicks, total_time_spent_ms, avg_time_spent_ms, median_time_spent_ms,
         p90_time_spent_ms, version)
       SELECT figure_id('hour', f.hour, f.url, f.country), 'hour', f.hour, f.url, f.country, 9 + i % 90, i % 7,
         5 + i % 50, true, 4 + i % 9, (4 + i % 9) * (1000 + i % 60000), 1000 + i % 60000, 900.5 + i % 50000,
         1500.25 + i % 90000, 1 + i / 20000
       FROM (
         SELECT i, timestamptz '2026-06-01 00:00Z' + (i / $2::int) * interval '1 hour' AS hour,
           format('https://shop.example/category-%s/subcategory-%s/product-%s', i % 11, i % 37, i % $2::int) AS url,
           (ARRAY['DE','FR','US','GB','JP','ZZ'])[1 + i % 6] AS country
         FROM generate_series(0, $1::int - 1) AS i
       ) f`,
      [documents, PER_HOUR],
    );
    await client.query('VACUUM ANALYZE click_metrics');
  });
}
