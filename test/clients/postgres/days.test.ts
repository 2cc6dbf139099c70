import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ensureDays, existingDays, type Day } from '../../../clients/postgres/days.js';
import { withClient } from '../../../clients/postgres/pool.js';
import { click, clicks, install, type Installation } from '../../activities/installation.js';
import { sumOf } from '../../activities/sums.js';

const DAY_MS = 86_400_000;
const FIRST = Date.UTC(2026, 0, 1);

async function withInstallation(what: string, use: (i: Installation) => Promise<void>): Promise<void> {
  const i = await install(what);
  try {
    await use(i);
  } finally {
    await i.close();
  }
}
const make = (i: Installation, days: readonly Day[]): Promise<void> =>
  withClient(i.postgres, `${i.postgres.name}:test`, (client) => ensureDays(client, i.postgres.name, days));

describe('days', () => {
  test('are opened beside a long reader and a long writer: neither is waited for, nobody waits', () =>
    withInstallation('beside', async (i) => {
      await i.produce(clicks(10));
      await i.drain();
      const others = await Promise.all([i.postgres.pool.connect(), i.postgres.pool.connect()]);
      try {
        await others[0].query('BEGIN; SELECT count(*) FROM clicks');
        await others[1].query("BEGIN; UPDATE click_data SET n = 7 WHERE url = '/page/1'");
        await i.produce([click(1, { t: FIRST + 5 * DAY_MS }), click(2)]);
        assert.deepEqual(sumOf(await i.drain()), [2, 1, 1, 0, 0]);
        await i.rows('SELECT count(*) FROM clicks');
        // Both are still there: who waited for one would wait for ever. The reader goes on as well, and its next statement sees the new day.
        const { rows } = await others[0].query<{ n: string }>('SELECT count(*) AS n FROM click_data');
        assert.equal(rows[0]?.n, '11');
      } finally {
        for (const other of others) {
          await other.query('ROLLBACK');
          other.release();
        }
      }
    }));

  test('two workers open the same days at once, and each day is there once', () =>
    withInstallation('at_once', async (i) => {
      const days = Array.from({ length: 12 }, (_, d) => `202602${String(d + 10)}`);
      await Promise.all([make(i, days), make(i, [...days].reverse()), make(i, days)]);
      const found = await withClient(i.postgres, `${i.postgres.name}:test`, existingDays);
      assert.deepEqual([...found].sort(), days);
    }));

  test('of a day, PostgreSQL finds the pages of an hour without reading the others', () =>
    withInstallation('hour', async (i) => {
      await make(i, ['20260210']);
      const plan = await withClient(i.postgres, `${i.postgres.name}:test`, async (client) => {
        // A day without rows is read whole in no time.
        await client.query('BEGIN; SET LOCAL enable_seqscan = off');
        const { rows } = await client.query<Record<string, string>>(
          `EXPLAIN SELECT FROM geo_data
           WHERE event_time >= '2026-02-10T05:00:00Z' AND event_time < '2026-02-10T06:00:00Z'`,
        );
        await client.query('ROLLBACK');
        return rows;
      });
      assert.match(JSON.stringify(plan), /Bitmap Index Scan on geo_data_20260210_event_time_idx/);
    }));

  test('records spread over 60 days come in whole, 32 new days a batch at most', () =>
    withInstallation('spread', async (i) => {
      await i.produce(
        Array.from({ length: 300 }, (_, k) => click(k, { t: FIRST + ((k * 7) % 60) * DAY_MS + k })),
      );
      const results = await i.drain();
      assert.deepEqual(sumOf(results), [300, 300, 0, 0, 0]);
      assert.equal(results.length, 2);
      const leaves = await i.rows(
        "SELECT count(*)::int AS n FROM pg_inherits WHERE inhparent = 'click_data'::regclass",
      );
      assert.deepEqual(leaves, [{ n: 60 }]);
    }));
});
