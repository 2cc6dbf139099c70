import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkSchema, migrate } from '../../../clients/postgres/migrate.js';
import { ConfigurationError, SchemaMismatch } from '../../../domain/errors.js';
import { install } from '../../activities/installation.js';

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
