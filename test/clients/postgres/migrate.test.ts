import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkSchema, migrate } from '../../../clients/postgres/migrate.js';
import { ConfigurationError, SchemaMismatch, ServerUnavailable } from '../../../domain/errors.js';
import { click, install, type Installation } from '../../activities/installation.js';
import { until } from '../../support/installation.js';

describe('migrate', () => {
  test('a second time nothing is done; a new column is added, the view with it; another type is refused', async () => {
    const i = await install('migrate');
    try {
      assert.deepEqual((await migrate(i.postgres, i.servers, i.config)).done, []);
      await checkSchema(i.postgres, i.config);
      const url = i.config.roles.url;
      const more = (name: string, type: 'bigint' | 'text'): typeof i.config => ({
        ...i.config,
        families: {
          ...i.config.families,
          click_data: [
            ...i.config.families.click_data.filter((c) => c.name !== name),
            { ...url, name, type, required: false },
          ],
        },
      });
      await assert.rejects(checkSchema(i.postgres, more('added', 'bigint')), SchemaMismatch);
      const { done } = await migrate(i.postgres, i.servers, more('added', 'bigint'));
      assert.deepEqual(done, ['column click_data.added added', 'view clicks made']);
      await i.rows('SELECT added FROM clicks');
      await assert.rejects(
        migrate(i.postgres, i.servers, more('added', 'text')),
        (e) => e instanceof ConfigurationError && /click_data.added.*bigint.*ALTER TABLE/.test(e.message),
      );
    } finally {
      await i.close();
    }
  });

  test('tables that are newer, and tables that are not there, say which of the two to bring up to date', async () => {
    const i = await install('newer');
    try {
      await i.rows("INSERT INTO migration (name, batch, migration_time) VALUES ('999-future', 9, now())");
      await assert.rejects(checkSchema(i.postgres, i.config), /upgrade clickstream/);
      await assert.rejects(migrate(i.postgres, i.servers, i.config), /upgrade clickstream/);
      await assert.rejects(
        checkSchema(i.postgres, { ...i.config, name: 'nowhere' }),
        /run `clickstream migrate`/,
      );
    } finally {
      await i.close();
    }
  });

  describe('tables from before there was an index on event_time', () => {
    const DAYS = ['2026-01-01', '2026-01-02', '2026-01-03'];
    const FAMILIES = ['click_data', 'geo_data', 'user_agent_data'];
    const MADE = FAMILIES.map((family) => `index on ${family}.event_time made, for 3 days that were there`);

    /** Three days of clicks, and no such index. */
    async function former(what: string): Promise<Installation> {
      const i = await install(what);
      await i.produce(DAYS.map((day, k) => click(k, { t: `${day}T10:00:00Z` })));
      await i.drain();
      for (const family of FAMILIES) await i.rows(`DROP INDEX ${family}_event_time_idx`);
      return i;
    }
    const indices = (i: Installation): Promise<Record<string, unknown>[]> =>
      i.rows(
        `SELECT t.relname AS of, i.indisvalid AS valid, count(p.inhparent)::int AS parts
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam AND m.amname = 'brin'
         JOIN pg_class t ON t.oid = i.indrelid LEFT JOIN pg_inherits p ON p.inhparent = c.oid
         WHERE t.relnamespace = current_schema()::regnamespace GROUP BY 1, 2 ORDER BY 1`,
      );
    const whole = (days: readonly string[]): Record<string, unknown>[] =>
      FAMILIES.flatMap((family) => [
        { of: family, valid: true, parts: days.length },
        ...days.map((day) => ({ of: `${family}_${day.replaceAll('-', '')}`, valid: true, parts: 0 })),
      ]);

    test('get it for each day while batches come in, and days made later have it, too', async () => {
      const i = await former('time_index');
      const writer = await i.postgres.pool.connect();
      try {
        await writer.query("BEGIN; UPDATE click_data SET n = 7 WHERE url = '/page/1'");
        const migrating = migrate(i.postgres, i.servers, i.config);
        await until('migrate to wait for the writer', 20_000, async () => {
          const waiting = await i.rows(
            "SELECT FROM pg_locks WHERE relation = 'click_data'::regclass AND mode = 'ShareLock' AND NOT granted",
          );
          return waiting.length > 0;
        });
        await i.produce([click(3, { t: `${DAYS[0]}T11:00:00Z` })]);
        const [batch] = await i.drain();
        assert.equal(batch?.outcome, 'persisted', 'a batch does not wait for the end of the writer');
        await writer.query('COMMIT');
        assert.deepEqual((await migrating).done, MADE);
        assert.deepEqual(await indices(i), whole(DAYS));
        assert.deepEqual((await migrate(i.postgres, i.servers, i.config)).done, []);

        await i.produce([click(4, { t: '2026-01-04T10:00:00Z' })]);
        await i.drain();
        assert.deepEqual(await indices(i), whole([...DAYS, '2026-01-04']));
      } finally {
        writer.release(true);
        await i.close();
      }
    });

    test('killed in the midst of it, the next migrate goes on, two at once as well', async () => {
      const i = await former('time_index_killed');
      const reader = await i.postgres.pool.connect();
      try {
        // The index of a day waits for whoever may still look at that day as it was.
        await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM batch');
        const killed = assert.rejects(migrate(i.postgres, i.servers, i.config), ServerUnavailable);
        await until('the index of a day to be begun', 20_000, async () =>
          (await indices(i)).some(({ of, valid }) => of === 'click_data_20260103' && valid === false),
        );
        await i.rows(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = $1 AND query LIKE 'CREATE INDEX CONCURRENTLY%'`,
          [`${i.config.name}:migrate`],
        );
        await killed;
        await reader.query('COMMIT');
        const again = await Promise.all([1, 2].map(() => migrate(i.postgres, i.servers, i.config)));
        assert.equal(again.flatMap(({ done }) => done).length, FAMILIES.length);
        assert.deepEqual(await indices(i), whole(DAYS));
      } finally {
        reader.release(true);
        await i.close();
      }
    });
  });

  test('two at once do not disturb each other', async () => {
    const i = await install('two');
    try {
      await i.rows(`DROP TABLE click_data, geo_data, user_agent_data CASCADE`);
      await Promise.all([1, 2, 3].map(() => migrate(i.postgres, i.servers, i.config)));
      await checkSchema(i.postgres, i.config);
    } finally {
      await i.close();
    }
  });
});
