import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { openPostgres, withClient } from '../../../clients/postgres/pool.js';
import { IdArray, oldestWriter, presentIds } from '../../../clients/postgres/presentIds.js';
import { parseServers } from '../../../domain/config/servers.js';
import { until } from '../../support/installation.js';
import { Random } from '../../../domain/generator/random.js';

const uuid = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('exactly the ids that are in the leaf are found, by its index, and those written since are told apart', async () => {
  const name = `t_present_${randomBytes(3).toString('hex')}`;
  const postgres = openPostgres(parseServers(process.env), name);
  const random = new Random(3);
  try {
    await postgres.pool.query(
      `CREATE SCHEMA ${name}; CREATE TABLE ${name}.click_data_20260101 (event_id uuid, filler text);
       CREATE UNIQUE INDEX ON ${name}.click_data_20260101 (event_id)`,
    );
    const ids = Array.from({ length: 3000 }, () => Uint8Array.from({ length: 16 }, () => random.below(256)));
    const sent = (places: readonly number[]): IdArray => {
      const array = new IdArray(places.length);
      // Among others, as the ids of a batch lie.
      for (const place of places) array.add(Buffer.concat(ids), place * 16);
      return array;
    };
    await withClient(postgres, 'test', async (client) => {
      const ask = (places: readonly number[], since?: string): Promise<[number[], number[]]> =>
        presentIds(client, '20260101', sent(places), since).then((found) => [
          [...found.places],
          [...found.recent],
        ]);
      const write = (from: number, to: number): Promise<unknown> =>
        client.query(`INSERT INTO click_data_20260101 SELECT unnest($1::uuid[]), repeat('x', 500)`, [
          ids.slice(from, to).map(uuid),
        ]);
      assert.deepEqual(await ask([5, 6]), [[], []], 'an empty leaf');
      await write(0, 1000);
      const { rows } = await client.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
      let since = '0';
      await until('writers of before to end', 60_000, async () => {
        since = await oldestWriter(client);
        return BigInt(since) > BigInt(rows[0]?.xid ?? 0);
      });
      await write(1000, 2000);
      const places = [2999, 999, 0, 1000, 2500, 1999];
      assert.deepEqual(await ask(places, since), [
        [1, 2, 3, 5],
        [3, 5],
      ]);
      assert.deepEqual(await ask(places), [[1, 2, 3, 5], []], 'nothing to compare with');
      assert.deepEqual(await ask([]), [[], []]);
      const all = await ask(ids.map((_, n) => n));
      assert.deepEqual(all, [ids.slice(0, 2000).map((_, n) => n), []]);

      await client.query('VACUUM ANALYZE click_data_20260101');
      const reads = async (): Promise<Record<string, unknown> | undefined> => {
        await client.query('SELECT pg_stat_force_next_flush()');
        const { rows } = await client.query<Record<string, unknown>>(
          `SELECT seq_scan AS scans, idx_scan AS looks FROM pg_stat_user_tables
            WHERE schemaname = $1 AND relname = 'click_data_20260101'`,
          [name],
        );
        return rows[0];
      };
      const before = await reads();
      await ask(ids.map((_, n) => n));
      const after = await reads();
      assert.equal(after?.['scans'], before?.['scans'], 'the clicks are not scanned');
      assert.equal(Number(after?.['looks']) - Number(before?.['looks']), 3000);
    });
  } finally {
    await postgres.pool.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
    await postgres.close();
  }
});
