import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createIndexMetrics } from '../../activities/indexMetrics.js';
import type { AnalyzeDeps, Failpoint } from '../../activities/deps.js';
import { noFailpoint } from '../../activities/deps.js';
import { clicksInDocuments, openElasticsearch } from '../../clients/elasticsearch/index.js';
import { withClient } from '../../clients/postgres/pool.js';
import { physicalIndex, readAlias, writeAlias } from '../../domain/names.js';
import type { IndexResult } from '../../domain/stages.js';
import { sendChanges } from '../support/changes.js';
import { index, indexDeps } from '../support/indexing.js';
import { testName } from '../support/names.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';

const HOUR = '2026-11-01T10:00:00Z';

describe('indexMetrics', () => {
  let t: TestInstallation;
  const name = testName('index_activity');
  const total = physicalIndex(name, 'total', 1);

  const run = (
    options: { failpoint?: Failpoint; patienceMs?: number; page?: number; deps?: Partial<AnalyzeDeps> } = {},
  ): Promise<IndexResult> => {
    const { failpoint = noFailpoint, patienceMs = 5_000, page = 3, deps } = options;
    return index(t, { failpoint, patienceMs, ...deps }, { page });
  };
  const grainOf = (result: IndexResult, grain: string) => {
    const found = result.grains.find((one) => one.grain === grain);
    assert.ok(found);
    return found;
  };
  const count = async (grain: 'total' | 'hour'): Promise<number> =>
    (await t.elasticsearch.count({ index: readAlias(name, grain) })).count;
  const rejects = (index: string): Promise<number> =>
    withClient(t.postgres, name, async (client) => {
      const { rows } = await client.query<{ n: number }>(
        'SELECT count(*)::int AS n FROM index_reject WHERE index_name = $1',
        [index],
      );
      return rows[0]?.n ?? 0;
    });
  const urls = (n: number) => Array.from({ length: n }, (_, i) => ({ url: `/p/${i}`, clicks: i + 1 }));

  beforeEach(async () => {
    t = await testInstallation(name);
  });
  afterEach(() => t.drop());

  it('brings every grain in step, and a second run sends nothing', async () => {
    await t.put(1, urls(8));
    await t.put(1, [{ grain: 'hour', window: HOUR, url: '/p/0', clicks: 36 }]);
    const first = await run();
    assert.equal(first.indexed, 9);
    assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 36);
    assert.equal(await clicksInDocuments(t.elasticsearch, name, 'hour'), 36);
    assert.equal(grainOf(first, 'total').version, '1');
    const second = await run();
    assert.equal(second.indexed, 0);
    assert.equal(await count('total'), 8);
  });

  it('sends changed figures, deletes vanished ones, and leaves the rest', async () => {
    await t.put(1, urls(5));
    await run();
    await t.put(2, [{ url: '/p/0', clicks: 100 }]);
    await t.vanish(2, 'total', '/p/4');
    const result = await run();
    assert.deepEqual(
      { ...grainOf(result, 'total') },
      { grain: 'total', index: total, indexed: 1, deleted: 1, stale: 0, rejected: 0, version: '2' },
    );
    assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 100 + 2 + 3 + 4);
  });

  it('makes an index that was deleted by hand again, filled', async () => {
    await t.put(1, urls(5));
    await run();
    await t.elasticsearch.indices.delete({ index: total });
    assert.equal((await run()).indexed, 5);
    assert.equal(await count('total'), 5);
  });

  it('forgets an index that was deleted, which tombstones would wait for, and none that is kept', async () => {
    const kept = physicalIndex(name, 'total', 2);
    await run();
    await t.elasticsearch.indices.create({ index: kept });
    await t.postgres.pool.query(
      `INSERT INTO index_cursor (index_name, grain, uuid) VALUES ($1, 'total', 'kept'), ($2, 'total', 'gone')`,
      [kept, physicalIndex(name, 'total', 3)],
    );
    await run();
    const { rows } = await t.postgres.pool.query<{ index_name: string }>(
      "SELECT index_name FROM index_cursor WHERE grain = 'total' ORDER BY 1",
    );
    assert.deepEqual(
      rows.map((row) => row.index_name),
      [total, kept],
    );
  });

  it('makes an index that vanishes during the run again, once', async () => {
    await t.put(1, urls(7));
    let deletions = 0;
    const failpoint: Failpoint = async (at) => {
      if (at === 'indexMetrics:after-cursor' && deletions++ === 0)
        await t.elasticsearch.indices.delete({ index: total });
    };
    await run({ failpoint });
    assert.equal(await count('total'), 7);
  });

  it('goes on with its own index when the read alias moves, and fills the other in the next run', async () => {
    await t.put(1, urls(7));
    const other = physicalIndex(name, 'total', 2);
    let moved = false;
    const failpoint: Failpoint = async (at) => {
      if (at !== 'indexMetrics:after-cursor' || moved) return;
      moved = true;
      await t.elasticsearch.indices.create({ index: other });
      const alias = readAlias(name, 'total');
      await t.elasticsearch.indices.updateAliases({
        actions: [{ remove: { index: total, alias } }, { add: { index: other, alias } }],
      });
    };
    assert.equal(grainOf(await run({ failpoint }), 'total').index, total);
    const next = grainOf(await run(), 'total');
    assert.equal(next.index, other);
    assert.equal(next.indexed, 7);
    assert.equal(await count('total'), 7);
  });

  it('loses nothing to a second attempt that runs at the same time', async () => {
    await t.put(1, urls(40));
    await Promise.all([run(), run(), run({ page: 7 })]);
    assert.equal(await count('total'), 40);
    assert.equal((await run()).indexed, 0);
  });

  it('stops as refused when something deletes the index again and again', async () => {
    await t.put(1, urls(7));
    const failpoint: Failpoint = async (at) => {
      if (at === 'indexMetrics:after-cursor')
        await t.elasticsearch.indices.delete({ index: total, ignore_unavailable: true });
    };
    await assert.rejects(run({ failpoint }), { type: 'ServerRefused', nonRetryable: true });
  });

  it('does not let a delete create an index under a lost write alias', async () => {
    await t.put(1, urls(3));
    await run();
    await t.vanish(2, 'total', '/p/0');
    await t.elasticsearch.indices.deleteAlias({ index: total, name: writeAlias(total) });
    await run();
    const names = Object.keys(await t.elasticsearch.indices.get({ index: `${readAlias(name, 'total')}*` }));
    assert.deepEqual(names, [total]);
    assert.equal(await count('total'), 2);
  });

  it('lets no stale write win: 409 is counted, not an alarm', async () => {
    await t.put(7, [{ url: '/p/0', clicks: 70 }]);
    await run();
    const { rows } = await t.postgres.pool.query<{ id: string }>(
      `SELECT encode(figure_id, 'hex') AS id FROM click_metrics`,
    );
    const zombie = { id: rows[0]?.id ?? '', version: '6' };
    const sent = await sendChanges(t.elasticsearch, { index: total }, [zombie], { patienceMs: 1_000 });
    assert.equal(sent.stale, 1);
    await t.elasticsearch.indices.refresh({ index: total });
    assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 70);
  });

  it('keeps a document that Elasticsearch refuses, sends its neighbours, and tries it again', async () => {
    // Elasticsearch's dates have four digits of a year.
    const bad = { grain: 'hour', window: '20000-01-01T00:00:00Z', url: '/bad' } as const;
    const good = urls(6).map((u) => ({ ...u, grain: 'hour' as const, window: HOUR }));
    await t.put(1, [...good.slice(0, 3), bad, ...good.slice(3)]);
    const hour = physicalIndex(name, 'hour', 1);
    const first = await run();
    assert.equal(first.rejected, 1);
    assert.equal(await count('hour'), 6);
    assert.equal(await rejects(hour), 1);
    const { rows } = await t.postgres.pool.query<{ status: number; reason: string }>(
      'SELECT * FROM index_reject',
    );
    assert.equal(rows[0]?.status, 400);
    assert.match(rows[0]?.reason ?? '', /document_parsing_exception.*window_start/);
    assert.equal((await run()).rejected, 1, 'still refused');
    await t.postgres.pool.query(`UPDATE click_metrics SET window_start = $1 WHERE url = '/bad'`, [HOUR]);
    const healed = await run();
    assert.equal(healed.rejected, 0);
    assert.equal(healed.indexed, 1);
    assert.equal(await rejects(hour), 0);
    assert.equal(await count('hour'), 7);
  });

  it('waits for a write block to be lifted', async () => {
    await t.put(1, urls(4));
    await run();
    await t.elasticsearch.indices.addBlock({ index: total, block: 'write' });
    await t.put(2, [{ url: '/p/0', clicks: 50 }]);
    await assert.rejects(run({ patienceMs: 300 }), { type: 'ServerUnavailable', nonRetryable: false });
    const waiting = run({ patienceMs: 20_000 });
    setTimeout(() => {
      void t.elasticsearch.indices.putSettings({ index: total, settings: { 'index.blocks.write': null } });
    }, 700);
    assert.equal((await waiting).indexed, 1);
  });

  it('killed between bulk and cursor, or after the cursor, the next attempt ends alike', async () => {
    await t.put(1, urls(8));
    const dieAt =
      (place: string): Failpoint =>
      (at) =>
        at === place ? Promise.reject(new Error('killed')) : Promise.resolve();
    await assert.rejects(run({ failpoint: dieAt('indexMetrics:after-bulk') }), /killed/);
    await assert.rejects(run({ failpoint: dieAt('indexMetrics:after-cursor') }), /killed/);
    const result = await run();
    const { indexed, stale } = grainOf(result, 'total');
    assert.equal(indexed + stale, 5, 'the page under the saved cursor is not sent again');
    assert.equal(await count('total'), 8);
    assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 36);
  });

  it('says that Elasticsearch does not answer, in a way that is retried', async () => {
    const elasticsearch = openElasticsearch({ elasticsearch: { url: 'http://127.0.0.1:1' } });
    await assert.rejects(run({ patienceMs: 300, deps: { elasticsearch } }), {
      type: 'ServerUnavailable',
      nonRetryable: false,
    });
  });

  it('refuses a mapping of somebody else instead of rejecting document by document', async () => {
    await t.elasticsearch.indices.create({
      index: `${total}0`,
      aliases: { [readAlias(name, 'total')]: {} },
      mappings: { properties: { click_count: { type: 'keyword' } } },
    });
    await t.put(1, urls(2));
    await assert.rejects(run(), { type: 'ServerRefused' });
  });

  it('ends as cancelled when the activity is cancelled', async () => {
    await t.put(1, urls(8));
    const environment = new MockActivityEnvironment();
    const failpoint: Failpoint = (at) => {
      if (at === 'indexMetrics:after-bulk') environment.cancel();
      return Promise.resolve();
    };
    const indexMetrics = createIndexMetrics(indexDeps(t, { failpoint }), { page: 3 });
    await assert.rejects(environment.run(indexMetrics, {}), {
      name: 'CancelledFailure',
    });
  });
});
