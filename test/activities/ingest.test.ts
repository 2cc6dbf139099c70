import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { sumOf } from './sums.js';
import { click, clicks, install, type Installation } from './installation.js';

async function withInstallation(
  what: string,
  use: (i: Installation) => Promise<void>,
  options: Parameters<typeof install>[1] = {},
): Promise<void> {
  const installation = await install(what, options);
  try {
    await use(installation);
  } finally {
    await installation.close();
  }
}
const count = async (i: Installation, table: string): Promise<number> =>
  Number((await i.rows(`SELECT count(*) AS n FROM ${table}`))[0]?.n);
const failsAs =
  (type: string) =>
  (e: unknown): boolean =>
    e instanceof ApplicationFailure && e.type === type;

describe('consumeBatch and persistBatch', () => {
  test('clicks reach the three families, marks and the ledger; sent again they are duplicates', () =>
    withInstallation('plain', async (i) => {
      await i.produce(clicks(2500));
      assert.deepEqual(sumOf(await i.drain()), [2500, 2500, 0, 0, 0]);
      for (const table of ['click_data', 'geo_data', 'user_agent_data', 'clicks'])
        assert.equal(await count(i, table), 2500);
      const marks = await i.rows('SELECT DISTINCT window_start FROM window_mark ORDER BY 1');
      assert.deepEqual(
        marks.map((m) => (m.window_start as Date).toISOString()),
        ['2025-12-31T23:00:00.000Z', '2026-01-01T00:00:00.000Z'],
      );
      const before = await i.rows('SELECT * FROM clicks ORDER BY click_id');
      await i.produce(clicks(2500));
      assert.deepEqual(sumOf(await i.drain()), [2500, 0, 2500, 0, 0]);
      assert.deepEqual(await i.rows('SELECT * FROM clicks ORDER BY click_id'), before);
      assert.equal(
        await i
          .rows('SELECT 1 FROM window_mark WHERE batch_id NOT IN (SELECT batch_id FROM batch)')
          .then((r) => r.length),
        0,
      );
    }));

  test('clicks lie in the order of their ids, windows of them; where one is long, as they came', () =>
    withInstallation(
      'sorted',
      async (i) => {
        const id = "('x' || left(replace(event_id::text, '-', ''), 8))::bit(32)::bigint";
        const descents = (expression: string): Promise<number> =>
          i
            .rows(
              `SELECT count(*) AS n FROM (SELECT ${expression} < lag(${expression}) OVER (ORDER BY tableoid, ctid) AS back
                 FROM click_data) clicks WHERE back`,
            )
            .then((rows) => Number(rows[0]?.n));
        const scattered = (length: number, url = '/'): string[] =>
          Array.from({ length }, (_, k) => click(k, { event_id: randomUUID(), url: `${url}${k}` }));
        await i.produce(scattered(1000));
        await i.drain();
        assert.equal(await descents(id), 0);
        assert.notEqual(await descents('click_id'), 0);

        await i.rows('TRUNCATE click_data, geo_data, user_agent_data');
        // 12 MB are more than a window of 8 MiB, and less than two.
        await i.produce(scattered(1500, `/${'x'.repeat(8000)}`));
        await i.drain();
        assert.equal(await count(i, 'click_data'), 1500);
        assert.equal(await descents(id), 1);

        await i.rows('TRUNCATE click_data, geo_data, user_agent_data');
        const long = click(1, { event_id: randomUUID(), url: `/${'x'.repeat(300_000)}` });
        const short = scattered(50);
        await i.produce([...short, long, ...short.slice(7, 8)]);
        assert.deepEqual(sumOf(await i.drain()), [52, 51, 1, 0, 0]);
        assert.equal(await count(i, 'click_data'), 51);
        assert.notEqual(await descents(id), 0);
      },
      { text: (yaml) => yaml.replace('1000, bytes: 8MiB, wait: 200ms', '10000, bytes: 64MiB, wait: 30s') },
    ));

  test('bad records become dead letters with reason and raw bytes, their neighbours clicks', () =>
    withInstallation('poison', async (i) => {
      const bad: (string | Uint8Array | null)[] = [
        null,
        '',
        '{"url":',
        '[1]',
        click(1, { url: undefined }),
        click(2, { url: 'a\u0000b' }),
        click(3, { url: '\ud800' }),
        click(4, { n: 'many' }),
        click(5).replace('"n":5', '"n":1e400'),
        click(6, { n: 2 ** 40 }),
        click(7, { t: 'yesterday' }),
        click(8, { t: '2999-01-01T00:00:00Z' }),
        Buffer.from([0xff, 0xfe, 0x7b]),
        Buffer.from([0, 0, 0, 0, 7]),
        `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      ];
      const strange = [
        click(20, { url: `/${'x'.repeat(100_000)}` }),
        click(21, { url: "'; DROP TABLE click_data; --\\.\t\r\n\\N" }),
        click(22, { __proto__: { polluted: true }, ['constructor']: { prototype: 1 } }),
      ];
      await i.produce(bad.flatMap((b, k) => [click(100 + k), b]).concat(strange));
      const sum = sumOf(await i.drain());
      assert.deepEqual(sum, [33, 18, 0, 15, 0]);
      const letters = await i.rows('SELECT reason, value FROM dead_letter ORDER BY record_offset');
      assert.equal(letters.length, 15);
      assert.ok((letters[2]?.value as Buffer).equals(Buffer.from('{"url":')));
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
      await i.produce(bad);
      const again = sumOf(await i.drain());
      assert.equal(again[0], 15);
      assert.equal(again[0], (again[2] ?? 0) + (again[3] ?? 0), 'with a readable id: duplicates');
    }));

  test('the same batch a second time is answered from the ledger, without its spool', () =>
    withInstallation('twice', async (i) => {
      await i.produce(clicks(10));
      const { batch } = await i.consume();
      assert.ok(batch);
      const first = await i.persist(batch);
      const second = await i.persist(batch, 2);
      assert.ok(first.outcome === 'persisted' && second.outcome === 'persisted');
      assert.deepEqual([first.replayed, second.replayed], [false, true]);
      assert.deepEqual(first.counts, second.counts);
    }));

  test('two consumers with other boundaries: one wins, the other is fenced and reaches the end all the same', () =>
    withInstallation('fence', async (i) => {
      await i.produce(clicks(500));
      const small = await i.consume({ until: [{ partition: 0, offset: '200' }] });
      const large = await i.consume();
      assert.ok(small.batch && large.batch);
      assert.equal((await i.persist(small.batch)).outcome, 'persisted');
      assert.deepEqual(await i.persist(large.batch), {
        outcome: 'fenced',
        offsets: [{ partition: 0, offset: '200' }],
      });
      assert.deepEqual(sumOf(await i.drain()), [300, 300, 0, 0, 0]);
      assert.equal(await count(i, 'click_data'), 500);
    }));

  test('duplicates within a batch and across partitions: the lowest click_id stays, always', () =>
    withInstallation(
      'dups',
      async (i) => {
        await i.produce([...clicks(300), ...clicks(300), ...clicks(300)]);
        const sum = sumOf(await i.drain());
        assert.deepEqual(sum, [900, 300, 600, 0, 0]);
        assert.equal(await count(i, 'geo_data'), 300);
      },
      { partitions: 4 },
    ));

  test('the exact form gives the same batch again, and a lost spool is said so', () =>
    withInstallation('exact', async (i) => {
      await i.produce(clicks(50));
      const { batch } = await i.consume();
      assert.ok(batch);
      await truncate(i.spool.path(batch.batchId, 'click_data'), 100);
      await assert.rejects(i.persist(batch), failsAs('SpoolLost'));
      await i.spool.remove(batch.batchId);
      await assert.rejects(i.persist(batch), failsAs('SpoolLost'));
      const again = await i.consume({ exact: batch });
      assert.deepEqual(again.batch, batch);
      assert.deepEqual(sumOf([await i.persist(batch)]), [50, 50, 0, 0, 0]);
    }));

  test('an attempt that holds the locks is ended by the next one', () =>
    withInstallation('zombie', async (i) => {
      await i.produce(clicks(50));
      const { batch } = await i.consume();
      assert.ok(batch);
      let held: () => void = () => undefined;
      let wake: () => void = () => undefined;
      const reached = new Promise<void>((resolve) => (held = resolve));
      const zombie: Installation = {
        ...i,
        failpoint: (name) => {
          if (name !== 'persistBatch:before-commit') return Promise.resolve();
          held();
          return new Promise<void>((resolve) => (wake = resolve));
        },
      };
      const zombified = zombie.persist(batch);
      await reached;
      // The zombie stands still until it is woken: nothing waits for it.
      assert.deepEqual(sumOf([await i.persist(batch, 2)]), [50, 50, 0, 0, 0]);
      wake();
      await assert.rejects(
        zombified,
        failsAs('ServerUnavailable'),
        'its session is gone, so it wrote nothing',
      );
      assert.equal(await count(i, 'click_data'), 50);
    }));

  test('what PostgreSQL alone refuses becomes a dead letter, its neighbours clicks', () =>
    withInstallation('refused', async (i) => {
      await i.rows('ALTER TABLE click_data ADD CHECK (n <> 13 AND n <> 40)');
      await i.produce(clicks(100));
      assert.deepEqual(sumOf(await i.drain()), [100, 98, 0, 2, 0]);
      const letters = await i.rows('SELECT reason, value FROM dead_letter ORDER BY record_offset');
      assert.deepEqual(
        letters.map((l) => [l.reason, String(l.value)]),
        [13, 40].map((n) => ['refused_by_database', click(n)]),
      );
    }));

  test('a batch ends before the record that would open a 33rd new day', () =>
    withInstallation('days', async (i) => {
      await i.produce(Array.from({ length: 40 }, (_, d) => click(d, { t: Date.UTC(2026, 0, 1 + d) })));
      const { batch } = await i.consume();
      assert.equal(batch?.records, 32);
      assert.deepEqual(sumOf(await i.drain()), [40, 40, 0, 0, 0]);
    }));

  test('a chain begins with a part of a batch, its neighbour with another, and full batches grow to the setting', () =>
    withInstallation(
      'ramp',
      async (i) => {
        await i.produce(clicks(8000));
        const sizes: [number | undefined, number][] = [];
        let last = await i.consume();
        for (;;) {
          sizes.push([last.batch?.records, last.maxRecords]);
          if (sizes.length === 3) break;
          last = await i.consume({ after: last.next, maxRecords: last.maxRecords });
        }
        assert.deepEqual(sizes, [
          [1500, 6000],
          [6000, 6000],
          [500, 6000],
        ]);
        const neighbour = await i.consume({ shard: 1, shards: 2, until: [] });
        assert.equal(neighbour.maxRecords, 3000);
      },
      { text: (common) => common.replace('records: 1000', 'records: 6000') },
    ));

  test('a shutdown gives back what was read, and says of what was persisted that nothing more will be', () =>
    withInstallation('drained', async (i) => {
      await i.produce(clicks(30));
      const draining = new AbortController();
      const worker: Installation = {
        ...i,
        draining: draining.signal,
        failpoint: (name) => {
          if (name === 'consumeBatch:after-fetch') draining.abort();
          return Promise.resolve();
        },
      };
      const before = await i.consume({ maxRecords: 10 });
      assert.ok(before.batch);
      const ahead = await worker.consume({ after: before.next, until: [{ partition: 0, offset: '30' }] });
      assert.deepEqual(
        [ahead.batch, ahead.next, ahead.reachedUntil],
        [undefined, before.next, false],
        'to be read by another worker',
      );
      const persisted = await worker.persist(before.batch);
      assert.equal(persisted.outcome === 'persisted' && persisted.draining, true);
    }));

  test('a shutdown ends the open form at once', () =>
    withInstallation('drain', async (i) => {
      const worker = (ended: string[], name: string) => {
        const draining = new AbortController();
        const consuming = { ...i, draining: draining.signal }.consume();
        void consuming.then(() => ended.push(name));
        return { consuming, drain: () => draining.abort() };
      };
      const ended: string[] = [];
      const stays = worker(ended, 'stays');
      const drains = worker(ended, 'drains');
      drains.drain();
      assert.equal((await drains.consuming).batch, undefined);
      stays.drain();
      await stays.consuming;
      assert.deepEqual(ended, ['drains', 'stays'], 'the other one would have waited on');
    }));
});
