import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { warmClaims } from '../../activities/warmClaims.js';
import type { Logger } from '../../domain/logger.js';
import { click, clicks, install, type Installation } from './installation.js';
import { sumOf } from './sums.js';

/** What an operator may do to the tables while clicks arrive; which of 0 to 99 PostgreSQL then refuses, and as what. */
const CASES: readonly {
  readonly what: string;
  readonly ddl: string;
  readonly bad: readonly number[];
  readonly more?: (n: number) => object;
  readonly says: string;
}[] = [
  {
    what: 'a check on the table',
    ddl: 'ALTER TABLE click_data ADD CHECK (n <> 13 AND n <> 40)',
    bad: [13, 40],
    says: 'SQLSTATE 23514',
  },
  {
    what: 'a check on one day',
    ddl: 'ALTER TABLE click_data_20260101 ADD CHECK (n NOT BETWEEN 95 AND 99)',
    bad: [95, 96, 97, 98, 99],
    says: 'SQLSTATE 23514',
  },
  {
    what: 'a column of another family that became NOT NULL',
    ddl: 'ALTER TABLE geo_data ALTER country SET NOT NULL',
    bad: [0, 50],
    more: (n) => (n % 50 === 0 ? { country: null } : {}),
    says: 'SQLSTATE 23502 at geo_data_20260101.country',
  },
  {
    what: 'an integer that became a smallint',
    ddl: 'DROP VIEW clicks; ALTER TABLE click_data ALTER n TYPE smallint',
    bad: [7],
    more: (n) => (n === 7 ? { n: 40_000 } : {}),
    says: 'SQLSTATE 22003',
  },
  {
    what: 'a text that was cut short',
    ddl: 'DROP VIEW clicks; ALTER TABLE click_data ALTER url TYPE varchar(10)',
    bad: [1],
    more: (n) => (n === 1 ? { url: '/a/much/longer/page' } : {}),
    says: 'SQLSTATE 22001',
  },
];

async function withInstallation(what: string, use: (i: Installation) => Promise<void>): Promise<void> {
  const installation = await install(what);
  try {
    await use(installation);
  } finally {
    await installation.close();
  }
}

/** Counts the straight COPYs that failed. */
function counting(i: Installation): { readonly i: Installation; readonly failed: () => number } {
  let failed = 0;
  const logger: Logger = {
    ...i.logger,
    debug: (_, message) => {
      if (message === 'a straight COPY failed') failed++;
    },
  };
  return { i: { ...i, logger }, failed: () => failed };
}

describe('what PostgreSQL refuses is dead letters, its neighbours clicks, and the shard goes on', () => {
  for (const { what, ddl, bad, more = () => ({}), says } of CASES)
    test(what, () =>
      withInstallation('refused', async (plain) => {
        const { i, failed } = counting(plain);
        await i.produce([click(1000)]);
        assert.deepEqual(sumOf(await i.drain()), [1, 1, 0, 0, 0]);
        await i.rows(ddl);
        const values = Array.from({ length: 100 }, (_, n) => click(n, more(n)));
        await i.produce(values);
        assert.deepEqual(sumOf(await i.drain()), [100, 100 - bad.length, 0, bad.length, 0]);
        const letters = await i.rows('SELECT reason, message, value FROM dead_letter ORDER BY record_offset');
        assert.deepEqual(
          letters.map((l) => [l.reason, String(l.value)]),
          bad.map((n) => ['refused_by_database', values[n]]),
        );
        for (const { message } of letters) assert.ok(String(message).includes(says), String(message));
        const missing = await i.rows(
          `SELECT c.click_id FROM click_data c LEFT JOIN geo_data USING (click_id)
             LEFT JOIN user_agent_data u USING (click_id) WHERE geo_data.click_id IS NULL OR u.click_id IS NULL`,
        );
        assert.deepEqual(missing, [], 'every accepted click has its other families');
        assert.equal(failed(), 1);
        await i.produce(clicks(10, 2000));
        assert.deepEqual(sumOf(await i.drain()), [10, 10, 0, 0, 0]);
        assert.equal(failed(), 1, 'the batch after it is careful');
      }),
    );

  test('a refused row with a lower duplicate beside it: the duplicate stays a duplicate', () =>
    withInstallation('refused', async (i) => {
      await i.produce([click(1000)]);
      await i.drain();
      await i.rows('ALTER TABLE click_data ADD CHECK (n <> 13)');
      await i.produce([...clicks(10), click(3), click(50, { n: 13 }), ...clicks(10)]);
      assert.deepEqual(sumOf(await i.drain()), [22, 10, 11, 1, 0]);
    }));
});

describe('duplicates that the claim filter does not know', () => {
  test('cost one rolled back COPY, not one a batch, however much is sent again', () =>
    withInstallation('unknown', async (first) => {
      await first.produce(clicks(3000));
      assert.deepEqual(sumOf(await first.drain()), [3000, 3000, 0, 0, 0]);
      const before = await first.rows('SELECT * FROM clicks ORDER BY click_id');
      const { i, failed } = counting(await install('unknown', { base: first }));
      try {
        await i.produce(clicks(3000));
        await i.produce(clicks(1500, 5000));
        assert.deepEqual(sumOf(await i.drain()), [4500, 1500, 3000, 0, 0]);
        assert.equal(failed(), 1);
        assert.deepEqual((await first.rows('SELECT * FROM clicks ORDER BY click_id')).slice(0, 3000), before);
        await i.produce(clicks(100, 5000));
        assert.deepEqual(sumOf(await i.drain()), [100, 0, 100, 0, 0]);
        assert.equal(failed(), 1, 'its own clicks it knows');
      } finally {
        await i.close();
      }
    }));

  test('are known after a restart, once the filter is warm', () =>
    withInstallation('warm', async (first) => {
      const days = [0, 1, 2].flatMap((d) =>
        clicks(1000, d * 1000).map((_, n) => click(d * 1000 + n, { t: Date.UTC(2026, 0, 1 + d) + n })),
      );
      await first.produce(days);
      assert.deepEqual(sumOf(await first.drain()), [3000, 3000, 0, 0, 0]);
      const { i, failed } = counting(await install('warm', { base: first }));
      try {
        const signal = new AbortController().signal;
        assert.equal(await warmClaims(i, AbortSignal.abort()), 1000, 'cancelled: after one step');
        assert.equal(await warmClaims(i, signal, { ids: 1500 }), 1500, 'bounded');
        assert.equal(await warmClaims(i, signal), 3000);
        await i.produce(days);
        assert.deepEqual(sumOf(await i.drain()), [3000, 0, 3000, 0, 0]);
        assert.equal(failed(), 0);
      } finally {
        await i.close();
      }
    }));

  test('two workers with the same new ids at once: each id once, whichever came first', () =>
    withInstallation('race', async (first) => {
      const second = await install('race', { base: first });
      try {
        await first.produce(clicks(1000));
        const one = await first.consume({ until: [{ partition: 0, offset: '1000' }] });
        const two = await second.consume({ until: [{ partition: 0, offset: '1000' }] });
        assert.ok(one.batch && two.batch);
        const results = await Promise.all([first.persist(one.batch), second.persist(two.batch)]);
        assert.deepEqual(
          results.map((r) => r.outcome),
          ['persisted', 'persisted'],
        );
        assert.deepEqual(await first.rows('SELECT count(*)::int AS n FROM click_data'), [{ n: 1000 }]);
        assert.deepEqual(await first.rows('SELECT count(*)::int AS n FROM geo_data'), [{ n: 1000 }]);
      } finally {
        await second.close();
      }
    }));
});
