/** Faults between the activity and the real Elasticsearch, and in it: each ends with the index equal to the figures. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnalyzeDeps, Failpoint } from '../../activities/deps.js';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { silentLogger } from '../../domain/logger.js';
import { physicalIndex, readAlias, writeAlias } from '../../domain/names.js';
import type { IndexResult } from '../../domain/stages.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';
import {
  faultyElasticsearch,
  type Fault,
  type FaultyElasticsearch,
  type Seen,
} from '../support/faultyElasticsearch.js';
import { assertIndexIsFigures, index, keptRejects } from '../support/indexing.js';
import { testName } from '../support/names.js';

const HOUR = '2026-11-01T10:00:00Z';
const isBulk = ({ path }: Seen): boolean => path.endsWith('/_bulk');
const urls = (n: number, from = 0) =>
  Array.from({ length: n }, (_, i) => ({ url: `/p/${from + i}`, clicks: i + 1 }));

/** Resolves as soon as `holds`. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

describe('indexMetrics under faults', () => {
  let t: TestInstallation;
  let total: string;

  beforeEach(async () => {
    const name = testName('index_faults');
    total = physicalIndex(name, 'total', 1);
    t = await testInstallation(name);
  });
  afterEach(() => t.drop());

  /** One attempt by way of a proxy with this rule; afterwards the index must be what the figures are. */
  const through = async (
    rule: (request: Seen) => Fault | undefined,
    options: {
      readonly deps?: Partial<AnalyzeDeps>;
      readonly page?: number;
      readonly meanwhile?: (proxy: FaultyElasticsearch) => Promise<void>;
      readonly except?: () => Promise<string[]>;
    } = {},
  ): Promise<{ result: IndexResult; proxy: FaultyElasticsearch }> => {
    const proxy = await faultyElasticsearch(t.servers.elasticsearch.url, rule);
    const elasticsearch = openElasticsearch({ elasticsearch: { url: proxy.url } });
    try {
      const running = index(t, { elasticsearch, ...options.deps }, { page: options.page ?? 20 });
      const [result] = await Promise.all([running, options.meanwhile?.(proxy)]);
      await assertIndexIsFigures(t, await options.except?.());
      return { result, proxy };
    } finally {
      await elasticsearch.close();
      proxy.close();
    }
  };

  const everywhere: [string, Fault, number][] = [
    ['a storm of 429', { status: 429 }, 6],
    ['503', { status: 503 }, 4],
    ['502 of a proxy without its backend', { status: 502 }, 2],
    ['504 of a proxy whose backend is slow', { status: 504 }, 2],
    ['a reset before the server heard it', { reset: 'before' }, 3],
    ['a reset in mid-bulk', { reset: 'middle' }, 3],
    ['a reset after the server took it', { reset: 'after' }, 3],
    ['an answer that ends in its middle', 'truncate', 3],
    ['a full write queue for every second item', 'queueFull', 5],
  ];
  for (const [what, fault, times] of everywhere) {
    test(`${what} in each of the first bulk requests costs nothing`, async () => {
      await t.put(1, [...urls(50), { grain: 'hour', window: HOUR, url: '/p/0', clicks: 9 }]);
      await index(t);
      await t.put(2, urls(30, 25));
      await t.vanish(2, 'total', '/p/3');
      const { result, proxy } = await through((request) =>
        isBulk(request) && request.nth <= times ? fault : undefined,
      );
      assert.equal(proxy.faults, times);
      assert.equal(result.rejected, 0);
      // What the server took before the answer was lost is there already when it is sent again.
      const { indexed, deleted, stale } = result.grains.reduce((all, one) => ({
        ...one,
        indexed: all.indexed + one.indexed,
        deleted: all.deleted + one.deleted,
        stale: all.stale + one.stale,
      }));
      assert.equal(indexed + deleted + stale, 31);
    });
  }

  for (const status of [429, 503])
    test(`${status} at every tenth request of any kind costs nothing`, async () => {
      await t.put(1, urls(60));
      let requests = 0;
      const { proxy } = await through(() => (++requests % 10 === 1 ? { status } : undefined), { page: 3 });
      assert.ok(proxy.faults > 1);
    });

  test('slow answers keep the order and the cursor', async () => {
    await t.put(1, urls(60));
    const { proxy } = await through((request) => (isBulk(request) ? { holdAnswer: sleep(40) } : undefined), {
      page: 7,
    });
    assert.ok(proxy.faults >= 9);
    const again = await index(t);
    assert.equal(again.indexed, 0, 'the cursor is at the end');
  });

  test('a read-only block as of a full disk is waited for, and what it refused goes in when it is lifted', async () => {
    await t.put(1, urls(10));
    await index(t);
    await t.put(2, urls(100));
    const block = (value: boolean | null) =>
      t.elasticsearch.indices.putSettings({
        index: total,
        settings: { 'index.blocks.read_only_allow_delete': value },
      });
    let blocked = false;
    const failpoint: Failpoint = async (at) => {
      if (at !== 'indexMetrics:after-cursor' || blocked) return;
      blocked = true;
      await block(true);
    };
    await through(() => undefined, {
      deps: { failpoint },
      page: 5,
      async meanwhile(proxy) {
        await until(() => proxy.refusedItems(429) > 10);
        await block(null);
      },
    });
  });

  test('PostgreSQL ends the connection that figures come from in mid-COPY: said as a passing fault, and healed by the next attempt', async () => {
    // More than waits in buffers on the way while the cursor of the first page is held up.
    const large = Array.from({ length: 32 }, (_, i) => ({ url: `/${i}/${'x'.repeat(1024 * 1024)}` }));
    await t.put(1, large);
    let ended = 0;
    const failpoint: Failpoint = async (at) => {
      if (at !== 'indexMetrics:after-cursor' || ended > 0) return;
      const { rowCount } = await t.postgres.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name LIKE $1 AND query LIKE 'COPY%' AND state = 'active'`,
        [`${t.name}:indexMetrics:%`],
      );
      ended = rowCount ?? 0;
    };
    await assert.rejects(index(t, { failpoint }), { type: 'ServerUnavailable', nonRetryable: false });
    assert.equal(ended, 1);
    await index(t);
    await assertIndexIsFigures(t);
  });

  test('an index that is deleted while its bulk is under way is made again, filled', async () => {
    await t.put(1, urls(40));
    let deleted: Promise<unknown> | undefined;
    await through(
      (request) => {
        if (!isBulk(request) || request.nth !== 3) return undefined;
        deleted = t.elasticsearch.indices.delete({ index: total });
        return { hold: deleted };
      },
      { page: 5 },
    );
    assert.ok(deleted);
  });

  test('a write alias that is moved while a bulk is under way is put back, and what went elsewhere is sent again', async () => {
    await t.put(1, urls(40));
    const other = physicalIndex(t.name, 'total', 7);
    const move = async (): Promise<void> => {
      await t.elasticsearch.indices.create({ index: other });
      const alias = writeAlias(total);
      await t.elasticsearch.indices.updateAliases({
        actions: [{ remove: { index: total, alias } }, { add: { index: other, alias } }],
      });
    };
    await through((request) => (isBulk(request) && request.nth === 3 ? { hold: move() } : undefined), {
      page: 5,
    });
  });

  test('a read alias that is moved during the run is followed by the next', async () => {
    await t.put(1, urls(40));
    const other = physicalIndex(t.name, 'total', 7);
    const alias = readAlias(t.name, 'total');
    let moved = false;
    const failpoint: Failpoint = async (at) => {
      if (at !== 'indexMetrics:after-cursor' || moved) return;
      moved = true;
      await t.elasticsearch.indices.create({ index: other });
      await t.elasticsearch.indices.updateAliases({
        actions: [{ remove: { index: total, alias } }, { add: { index: other, alias } }],
      });
    };
    await index(t, { failpoint }, { page: 5 });
    await index(t);
    await assertIndexIsFigures(t);
  });

  test('one malformed document among 10,000 is kept with id and reason, the others are in, and it follows when the mapping is mended', async () => {
    // A term has at most 32,766 bytes; the mapping leaves longer URLs out, until somebody changes it by hand.
    const bad = { url: `/${'x'.repeat(40_000)}` };
    await t.put(1, urls(2_500));
    await t.put(2, [...urls(3_000, 2_500), bad, ...urls(4_499, 5_500)]);
    let changed = false;
    const failpoint: Failpoint = async (at) => {
      if (at !== 'indexMetrics:after-cursor' || changed) return;
      changed = true;
      const url = {
        type: 'keyword',
        ignore_above: 100_000,
        fields: { words: { type: 'text', analyzer: 'standard' } },
      } as const;
      await t.elasticsearch.indices.putMapping({ index: total, properties: { url } });
    };
    const ids = async (): Promise<string[]> => (await keptRejects(t)).map(({ id }) => id);
    const { result } = await through(() => undefined, { deps: { failpoint }, page: 500, except: ids });
    assert.equal(result.rejected, 1);
    const [kept, ...more] = await keptRejects(t);
    assert.deepEqual(more, []);
    const { rows } = await t.postgres.pool.query<{ id: string }>(
      `SELECT encode(figure_id(grain, window_start, url, country), 'hex') AS id FROM click_metrics WHERE url = $1`,
      [bad.url],
    );
    assert.equal(kept?.id, rows[0]?.id);
    assert.equal(kept?.status, 400);
    assert.match(kept?.reason ?? '', /immense term in field="url"/);
    // Every run begins by mending the mapping.
    assert.equal((await index(t)).indexed, 1);
    assert.deepEqual(await keptRejects(t), []);
    await assertIndexIsFigures(t);
  });

  test('a zombie whose bulk arrives after a newer run changes nothing: 409 is counted and alarms nobody', async () => {
    await t.put(1, urls(20));
    const alarms: unknown[] = [];
    const logger = {
      ...silentLogger,
      warn: (...said: unknown[]) => void alarms.push(said),
      error: (...said: unknown[]) => void alarms.push(said),
    };
    const newer = async (): Promise<void> => {
      await t.put(
        2,
        urls(20).map((one) => ({ ...one, clicks: 1000 })),
      );
      await t.vanish(2, 'total', '/p/4');
      await index(t);
    };
    const { result } = await through(
      (request) => (isBulk(request) && request.nth === 1 ? { hold: newer() } : undefined),
      { deps: { logger } },
    );
    assert.equal(result.grains.find(({ grain }) => grain === 'total')?.stale, 20);
    assert.deepEqual(alarms, []);
    assert.equal((await index(t)).indexed, 0);
  });

  test('requests are bounded in bytes and number, however large the figures are', async () => {
    const MB = 1024 * 1024;
    const large = Array.from({ length: 30 }, (_, i) => ({ url: `/${i}/${'x'.repeat(MB)}` }));
    await t.put(1, [...large, ...urls(3_000)]);
    const { proxy } = await through(() => undefined, { page: 5_000 });
    assert.ok(proxy.largest <= 5 * MB, `a request of ${proxy.largest} bytes`);
    assert.ok(proxy.concurrent <= 2, `${proxy.concurrent} requests at once`);
  });
});
