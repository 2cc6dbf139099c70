import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { ensureDays } from '../../../clients/postgres/days.js';
import { migrate } from '../../../clients/postgres/migrate.js';
import { openPostgres, type Postgres } from '../../../clients/postgres/pool.js';
import { grantSparkRole } from '../../../clients/postgres/sparkRole.js';
import { UsageError, ServerRefused } from '../../../domain/errors.js';
import { parseServers } from '../../../domain/config/servers.js';
import { install, type Installation } from '../../activities/installation.js';

const refused = (e: unknown): boolean => (e as { code?: string }).code === '42501';
const name = (what: string): string => `t_${what}_${randomBytes(3).toString('hex')}`;

describe("Spark's role", () => {
  let i: Installation;
  const role = name('spark');
  const password = 'made-up';
  /** A log-in of its own to the installation's database. */
  async function as<T>(user: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
    const url = new URL(process.env['DATABASE_URL'] ?? '');
    url.username = user;
    url.password = password;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  }

  before(async () => {
    i = await install('role');
    await i.rows(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  });
  after(async () => {
    await i.rows(`DROP OWNED BY ${role}`);
    await i.rows(`DROP ROLE ${role}`);
    await i.close();
  });

  test('that does not exist is asked for with the statement that makes it', async () => {
    await assert.rejects(
      grantSparkRole(i.postgres, i.config.name, 'nobody "at" all'),
      (e) => e instanceof UsageError && e.message.includes('CREATE ROLE "nobody ""at"" all" LOGIN'),
    );
  });

  test('reads families and figures, days that are made later included, and neither writes nor sees more', async () => {
    const schema = i.config.name;
    assert.deepEqual(await grantSparkRole(i.postgres, schema, role), [
      `GRANT USAGE ON SCHEMA "${schema}" TO "${role}"`,
      `GRANT SELECT ON "${schema}"."click_data", "${schema}"."geo_data", "${schema}"."user_agent_data", ` +
        `"${schema}"."click_metrics" TO "${role}"`,
    ]);
    assert.deepEqual(await grantSparkRole(i.postgres, schema, role), [], 'nothing is left to do');

    const client = await i.postgres.pool.connect();
    await ensureDays(client, schema, ['20260105']);
    client.release();
    await i.rows('ALTER TABLE click_data ADD COLUMN later text');
    await i.rows(`INSERT INTO click_data (click_id, event_id, event_time, url, later)
      VALUES (1, gen_random_uuid(), '2026-01-05T10:00:00Z', '/a', 'x')`);
    await as(role, async (spark) => {
      await spark.query(`SET search_path = ${schema}`);
      assert.equal((await spark.query('SELECT later FROM click_data')).rowCount, 1);
      for (const table of ['geo_data', 'user_agent_data', 'click_metrics'])
        await spark.query(`SELECT * FROM ${table}`);
      for (const statement of [
        'INSERT INTO click_data SELECT * FROM click_data',
        'INSERT INTO click_data_20260105 SELECT * FROM click_data',
        'UPDATE click_metrics SET click_count = 0',
        'DELETE FROM geo_data',
        'TRUNCATE user_agent_data',
        'CREATE TABLE mine ()',
        'SELECT * FROM secret',
        'SELECT * FROM dead_letter',
      ])
        await assert.rejects(spark.query(statement), refused, statement);
    });
  });

  test('that can write is named; so is one that may not log in', async () => {
    const group = name('group');
    await i.rows(`CREATE ROLE ${group} NOLOGIN`);
    await i.rows(`GRANT INSERT ON geo_data TO ${group}`);
    try {
      const said = (await grantSparkRole(i.postgres, i.config.name, group)).join('\n');
      assert.match(said, /may do more than read: it can write geo_data/);
      assert.match(said, /may not log in itself: ALTER ROLE .* LOGIN/);
    } finally {
      await i.rows(`DROP OWNED BY ${group}`);
      await i.rows(`DROP ROLE ${group}`);
    }
  });

  describe('and an installation whose owner is no superuser', () => {
    const owner = name('owner');
    const stranger = name('stranger');
    const config = (): typeof i.config => ({ ...i.config, name: owner });
    let postgres: Postgres;
    const open = (user: string): Postgres => {
      const url = new URL(process.env['DATABASE_URL'] ?? '');
      url.username = user;
      url.password = password;
      return openPostgres(parseServers({ DATABASE_URL: url.href }), owner);
    };
    before(async () => {
      for (const each of [owner, stranger]) await i.rows(`CREATE ROLE ${each} LOGIN PASSWORD '${password}'`);
      await i.rows(
        `DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO ${owner}', current_database()); END $$`,
      );
      const url = new URL(process.env['DATABASE_URL'] ?? '');
      url.username = owner;
      url.password = password;
      postgres = open(owner);
      await migrate(postgres, parseServers({ DATABASE_URL: url.href }), config());
    });
    after(async () => {
      await postgres.close();
      await i.rows(`DROP OWNED BY ${owner} CASCADE`);
      for (const each of [owner, stranger]) await i.rows(`DROP ROLE ${each}`);
    });

    test('the owner grants, and hears what lets it end the queries of Spark', async () => {
      const said = await grantSparkRole(postgres, owner, role);
      assert.equal(said.length, 3);
      assert.ok(said[2]?.endsWith(`GRANT "${role}" TO "${owner}"`), said[2]);
      await i.rows(`GRANT ${role} TO ${owner}`);
      assert.deepEqual(await grantSparkRole(postgres, owner, role), []);
    });

    test('another role may not grant, and says what the owner is to run', async () => {
      await i.rows(`GRANT USAGE ON SCHEMA ${owner} TO ${stranger}`);
      const theirs = open(stranger);
      try {
        await i.rows(`REVOKE SELECT ON ${owner}.click_data FROM ${role}`);
        await assert.rejects(
          grantSparkRole(theirs, owner, role),
          (e) =>
            e instanceof ServerRefused &&
            e.message.includes(`GRANT SELECT ON "${owner}"."click_data" TO "${role}"`),
        );
      } finally {
        await theirs.close();
      }
    });
  });
});
