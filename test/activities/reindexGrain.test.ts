import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { noFailpoint, type Failpoint, type FailpointName } from '../../activities/deps.js';
import { clicksInDocuments, replacedIndices } from '../../clients/elasticsearch/index.js';
import { physicalIndex, readAlias, writeAlias, type Grain } from '../../domain/names.js';
import type { IndexResult, ReindexGrainResult } from '../../domain/stages.js';
import * as attempt from '../support/indexing.js';
import { testName } from '../support/names.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';

describe('reindexGrain', () => {
  let t: TestInstallation;
  const name = testName('reindex_activity');
  const alias = readAlias(name, 'total');
  const first = physicalIndex(name, 'total', 1);
  const second = physicalIndex(name, 'total', 2);

  const page = 3;
  /** One attempt of a workflow run. */
  const reindex = (
    run: string,
    failpoint: Failpoint = noFailpoint,
    grain: Grain = 'total',
  ): Promise<ReindexGrainResult> => attempt.reindex(t, grain, { run, failpoint }, { page });
  const index = (): Promise<IndexResult> => attempt.index(t, {}, { page });
  const behind = async (): Promise<string[]> =>
    Object.keys(await t.elasticsearch.indices.getAlias({ name: alias }));
  const all = async (): Promise<string[]> =>
    Object.keys(await t.elasticsearch.indices.get({ index: `${alias}-*` })).sort();
  const clicks = () => clicksInDocuments(t.elasticsearch, name, 'total');
  const cursors = async (): Promise<string[]> => {
    const { rows } = await t.postgres.pool.query<{ index_name: string }>(
      `SELECT index_name FROM index_cursor WHERE grain = 'total' ORDER BY 1`,
    );
    return rows.map((row) => row.index_name);
  };
  const urls = (n: number) => Array.from({ length: n }, (_, i) => ({ url: `/p/${i}`, clicks: i + 1 }));
  const dies =
    (at: FailpointName): Failpoint =>
    (place) =>
      place === at ? Promise.reject(new Error('killed')) : Promise.resolve();

  beforeEach(async () => {
    t = await testInstallation(name);
  });
  afterEach(() => t.drop());

  it('puts a new index with every figure behind the alias, and keeps the old one', async () => {
    await t.put(1, urls(8));
    await index();
    const result = await reindex('a');
    assert.deepEqual(
      { ...result, ms: 0 },
      { grain: 'total', index: second, replaced: first, documents: 8, rejected: 0, ms: 0 },
    );
    assert.deepEqual(await behind(), [second]);
    assert.equal(await clicks(), 36);
    const foreign = physicalIndex(name, 'total', 0);
    await t.elasticsearch.indices.create({ index: foreign });
    const [old, ...others] = await replacedIndices(t.elasticsearch, name, 'total', new Set());
    await t.elasticsearch.indices.delete({ index: foreign });
    assert.equal(old?.index, first);
    assert.deepEqual(others, []);
    assert.equal(old.documents, 8);
    await t.put(2, [{ url: '/p/0', clicks: 100 }]);
    const next = await index();
    assert.equal(
      next.grains.find((one) => one.grain === 'total')?.index,
      second,
      'runs go on with the new one',
    );
    assert.equal(await clicks(), 135);
  });

  it('makes the first index, where there is none, and its successor', async () => {
    await t.put(1, urls(2));
    assert.equal((await reindex('a')).index, second);
    assert.equal(await clicks(), 3);
  });

  for (const at of [
    'reindexGrain:after-create',
    'indexMetrics:after-bulk',
    'indexMetrics:after-cursor',
    'reindexGrain:before-swap',
    'reindexGrain:after-swap',
  ] as const) {
    it(`killed at ${at}, the next attempt ends with the same index`, async () => {
      await t.put(1, urls(8));
      await index();
      await assert.rejects(reindex('a', dies(at)), /killed/);
      assert.equal(await clicks(), 36, 'searches never miss anything');
      const result = await reindex('a');
      assert.deepEqual([result.index, result.replaced, result.documents], [second, first, 8]);
      assert.deepEqual(await behind(), [second]);
      assert.deepEqual(await all(), [first, second]);
    });
  }

  it('a run that was given up leaves an index that the next run removes, its cursor as well', async () => {
    await t.put(1, urls(8));
    await index();
    await assert.rejects(reindex('a', dies('reindexGrain:before-swap')), /killed/);
    assert.deepEqual(await cursors(), [first, second]);
    const result = await reindex('b');
    assert.equal(result.documents, 8);
    assert.equal((await all()).length, 2);
    assert.deepEqual(await cursors(), [first, result.index]);
    assert.equal(await clicks(), 36);
  });

  it('leaves an index alone that somebody else made under a newer number', async () => {
    await t.put(1, urls(3));
    await index();
    const theirs = physicalIndex(name, 'total', 7);
    await t.elasticsearch.indices.create({ index: theirs });
    const result = await reindex('a');
    assert.equal(result.index, physicalIndex(name, 'total', 8));
    assert.deepEqual(await all(), [first, theirs, result.index]);
    assert.equal(await clicks(), 6);
  });

  it('what vanishes or changes while it builds is so in the new index', async () => {
    await t.put(1, urls(8));
    await index();
    let changed = false;
    await reindex('a', async (place) => {
      if (place !== 'indexMetrics:after-cursor' || changed) return;
      changed = true;
      await t.vanish(2, 'total', '/p/0');
      await t.vanish(2, 'total', '/p/7');
      await t.put(3, [{ url: '/p/1', clicks: 50 }]);
      await t.put(3, [{ url: '/new', clicks: 4 }]);
    });
    assert.ok(changed);
    assert.equal(await clicks(), 36 - 1 - 8 + 48 + 4);
    assert.equal((await index()).indexed, 0);
  });

  it('figures that went to the old index just before the swap are in the new one, too', async () => {
    await t.put(1, urls(4));
    await index();
    await reindex('a', async (place) => {
      if (place !== 'reindexGrain:before-swap') return;
      await t.put(2, [{ url: '/p/0', clicks: 41 }]);
      await index();
    });
    assert.equal(await clicks(), 50);
  });

  it('a reader finds everything at every moment', async () => {
    await t.put(1, urls(300));
    await index();
    const { signal, stop } = (() => {
      const controller = new AbortController();
      return { signal: controller.signal, stop: () => controller.abort() };
    })();
    const seen: number[] = [];
    const reader = (async () => {
      while (!signal.aborted) seen.push((await clicks()) ?? -1);
    })();
    let version = 2;
    await reindex('a', async (place) => {
      // Clicks are only added, so that no reading may be smaller than one before it.
      if (place !== 'indexMetrics:after-cursor' || version > 12) return;
      await t.put(version, [{ url: `/p/${version}`, clicks: 1000 * version }]);
      await index();
      version += 1;
    });
    await index();
    stop();
    await reader;
    assert.ok(seen.length > 10, `${seen.length} readings`);
    assert.ok((seen[0] ?? 0) >= 45_150);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
  });

  it('refuses an index that holds what PostgreSQL does not have, and leaves the alias where it is', async () => {
    await t.put(1, urls(3));
    await index();
    const failing = reindex('a', async (place) => {
      if (place !== 'reindexGrain:after-create') return;
      const document = { grain: 'total', url: '/intruder', country: 'DE', click_count: 1, version: 1 };
      await t.elasticsearch.index({ index: writeAlias(second), document });
    });
    await assert.rejects(failing, {
      type: 'IndexDiffers',
      nonRetryable: true,
      message: /4 documents.*3 figures/,
    });
    assert.deepEqual(await behind(), [first]);
  });

  it('a document that Elasticsearch refuses is kept and told, and does not stop the others', async () => {
    const hour = (url: string, window: string) => ({ url, grain: 'hour' as const, window });
    // Elasticsearch's dates have four digits of a year.
    await t.put(1, [hour('/bad', '20000-01-01T00:00:00Z'), hour('/good', '2026-11-01T10:00:00Z')]);
    await index();
    const result = await reindex('a', noFailpoint, 'hour');
    assert.deepEqual([result.documents, result.rejected], [1, 1]);
  });

  it('two attempts at once, one of them a zombie, build one index', async () => {
    await t.put(1, urls(60));
    await index();
    await Promise.allSettled([reindex('a'), reindex('a')]);
    await reindex('a');
    assert.deepEqual(await behind(), [second]);
    assert.equal(await clicks(), 1830);
  });
});
