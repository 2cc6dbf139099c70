import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { BRIEF_MS } from '../../../clients/postgres/briefLock.js';
import { checkSchema, migrate } from '../../../clients/postgres/migrate.js';
import { parseConfig } from '../../../domain/config/parse.js';
import type { Config } from '../../../domain/config/config.js';
import { ConfigurationError, SchemaMismatch, ServerUnavailable } from '../../../domain/errors.js';
import { click, clicks, install, type Installation } from '../../activities/installation.js';
import { sumOf } from '../../activities/sums.js';

type Edit = (yaml: string) => string;
/** A column in front of `n`, the last of click_data. */
const adding =
  (column: string): Edit =>
  (yaml) =>
    yaml.replace('    n: {', `    ${column}\n    n: {`);
const without =
  (name: string): Edit =>
  (yaml) =>
    yaml.replace(new RegExp(`^    ${name}: .*\\n`, 'm'), '');

async function withInstallation(
  what: string,
  use: (i: Installation, edited: (edit: Edit) => Promise<Config>) => Promise<void>,
): Promise<void> {
  let yaml = '';
  const i = await install(what, { text: (text) => (yaml = text) });
  try {
    await use(i, (edit) => {
      const text = edit(yaml);
      assert.notEqual(text, yaml);
      return Promise.resolve(parseConfig(text, 'edited.yaml'));
    });
  } finally {
    await i.close();
  }
}

const columnsOf = async (i: Installation, table: string): Promise<string[]> =>
  (
    await i.rows(
      'SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum',
      [table],
    )
  ).map((row) => String(row.attname));
const bring = async (i: Installation, config: Config, patienceMs?: number): Promise<readonly string[]> =>
  (await migrate(i.postgres, i.servers, config, patienceMs)).done;

describe('columns added later', () => {
  test('are added to parent and leaves while ingestion goes on; workers of the old and the new configuration work side by side', () =>
    withInstallation('added', async (old, edited) => {
      await old.produce(clicks(100));
      assert.deepEqual(sumOf(await old.drain()), [100, 100, 0, 0, 0]);
      const config = await edited(adding('price: { type: double, from: [price], required: true }'));
      await assert.rejects(checkSchema(old.postgres, config), SchemaMismatch, 'not before migrate');
      await old.produce(clicks(50, 100));
      const { batch } = await old.consume();
      assert.ok(batch);
      assert.deepEqual(await bring(old, config), ['column click_data.price added', 'view clicks made']);
      assert.deepEqual(await bring(old, config), []);
      assert.deepEqual(sumOf([await old.persist(batch)]), [50, 50, 0, 0, 0], 'read before, persisted after');
      await old.produce(clicks(50, 150));
      const spooled = await old.consume();
      assert.ok(spooled.batch);

      // The new worker takes over the folder: what was spooled under the old mapping is consumed again.
      await old.spool.close();
      const fresh = await install('fresh', {
        base: old,
        text: (text) =>
          adding('price: { type: double, from: [price], required: true }')(text).replace(
            /dir: \S+ \}/,
            `dir: ${old.config.ingest.spool.dir ?? ''} }`,
          ),
      });
      try {
        await assert.rejects(
          fresh.persist(spooled.batch),
          (e) => e instanceof ApplicationFailure && e.type === 'SpoolLost' && /configuration/.test(e.message),
        );
        const again = await fresh.consume({ exact: spooled.batch });
        assert.ok(again.batch);
        assert.deepEqual(sumOf([await fresh.persist(again.batch)]), [50, 0, 0, 50, 0], 'price is required');
        await fresh.produce([click(300, { price: 1.5 }), click(301)]);
        assert.deepEqual(sumOf(await fresh.drain()), [2, 1, 0, 1, 0]);
      } finally {
        await fresh.close();
      }
      assert.deepEqual(await old.rows('SELECT price, count(*)::int AS n FROM clicks GROUP BY 1 ORDER BY 1'), [
        { price: 1.5, n: 1 },
        { price: null, n: 150 },
      ]);
      assert.ok((await columnsOf(old, 'click_data_20260101')).includes('price'));
    }));

  test('wait briefly for a long reader: others are not held up for longer, and migrate says who it was', () =>
    withInstallation('brief', async (i, edited) => {
      await i.produce(clicks(10));
      await i.drain();
      const config = await edited(adding('price: { type: double, from: [price] }'));
      const reader = await i.postgres.pool.connect();
      await reader.query("SET application_name = 'a long report'; BEGIN; SELECT count(*) FROM click_data");
      let ended = false;
      const migrating = bring(i, config, 3 * BRIEF_MS).finally(() => (ended = true));
      migrating.catch(() => undefined);
      const bystander = await i.postgres.pool.connect();
      await bystander.query(`SET lock_timeout = ${BRIEF_MS + 1500}`);
      for (let next = 10; !ended; next += 10) {
        await i.produce(clicks(10, next));
        const { batch } = await i.consume();
        assert.ok(batch);
        await i.persist(batch);
        await bystander.query('SELECT count(*) FROM click_data');
      }
      await bystander.query('RESET lock_timeout');
      bystander.release();
      await assert.rejects(
        migrating,
        (e) => e instanceof ServerUnavailable && /a long report.*nothing was changed/.test(e.message),
      );
      assert.ok(!(await columnsOf(i, 'click_data')).includes('price'));
      const again = bring(i, config);
      await new Promise((resolve) => setTimeout(resolve, BRIEF_MS / 2));
      await reader.query('COMMIT; RESET application_name');
      reader.release();
      assert.deepEqual(await again, ['column click_data.price added', 'view clicks made']);
    }));

  test('a type that changes is refused before anything is done, and the steps that the refusal names work', () =>
    withInstallation('retype', async (i, edited) => {
      await i.produce(clicks(10));
      await i.drain();
      const config = await edited((yaml) =>
        adding('price: { type: double, from: [price] }')(yaml).replace(
          'n: { type: integer',
          'n: { type: text',
        ),
      );
      const refused = await bring(i, config).then(
        () => assert.fail('it was not refused'),
        (e: unknown) => e as Error,
      );
      assert.ok(refused instanceof ConfigurationError);
      assert.ok(!(await columnsOf(i, 'click_data')).includes('price'), 'nothing was done');
      await assert.rejects(checkSchema(i.postgres, config), SchemaMismatch);
      const steps = /run (DROP VIEW .*?; ALTER TABLE .*? USING )…;/.exec(refused.message)?.[1];
      assert.ok(steps !== undefined, refused.message);
      await i.rows(`${steps} n::text`);
      assert.deepEqual(await bring(i, config), ['column click_data.price added', 'view clicks made']);
      await checkSchema(i.postgres, config);
      assert.deepEqual(await i.rows('SELECT n FROM clicks ORDER BY click_id LIMIT 1'), [{ n: '0' }]);
    }));
});

describe('the view clicks', () => {
  test('gets added columns last, so that what people built on it stays', () =>
    withInstallation('appended', async (i, edited) => {
      await i.rows('CREATE VIEW mine AS SELECT url, country FROM clicks');
      assert.deepEqual(await bring(i, await edited(adding('price: { type: double, from: [price] }'))), [
        'column click_data.price added',
        'view clicks made',
      ]);
      assert.equal((await columnsOf(i, 'clicks')).at(-1), 'price');
      await i.rows('SELECT * FROM mine');
    }));

  test('loses what is no longer configured, the table keeps it; with something built on it, it says so and keeps all', () =>
    withInstallation('lost', async (i, edited) => {
      await i.rows('CREATE VIEW mine AS SELECT url FROM clicks');
      const config = await edited(without('n'));
      await assert.rejects(
        bring(i, config),
        (e) => e instanceof ConfigurationError && /built on it \(mine\): drop those/.test(e.message),
      );
      assert.ok((await columnsOf(i, 'clicks')).includes('n'));
      await i.rows('DROP VIEW mine');
      assert.deepEqual(await bring(i, config), ['view clicks made']);
      assert.ok(!(await columnsOf(i, 'clicks')).includes('n'));
      assert.ok((await columnsOf(i, 'click_data')).includes('n'));
      assert.deepEqual(await bring(i, config), []);
    }));

  test('joins the families of each click, and a name that two of them share carries its family in front', () =>
    withInstallation('shared', async (i, edited) => {
      await i.produce([
        click(1, { country: 'FR', ua: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0' }),
      ]);
      await i.drain();
      assert.deepEqual(await i.rows('SELECT url, country, browser FROM clicks'), [
        { url: '/page/1', country: 'FR', browser: 'Firefox' },
      ]);
      await bring(i, await edited(adding('country: { type: text, from: [country] }')));
      const columns = await columnsOf(i, 'clicks');
      assert.ok(columns.includes('click_data_country') && columns.includes('geo_data_country'));
      assert.ok(!columns.includes('country'));
      assert.deepEqual(await i.rows('SELECT click_data_country, geo_data_country FROM clicks'), [
        { click_data_country: null, geo_data_country: 'FR' },
      ]);
    }));
});
