import type { DiagnosticResult } from '@elastic/elasticsearch';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ensureIndices,
  FIGURES,
  figuresPage,
  refresh,
  searchFigures,
  SORT_ORDERS,
  type Figure,
  type FigureQuery,
  type SortOrder,
} from '../../../clients/elasticsearch/index.js';
import { figureCsv } from '../../../clients/elasticsearch/figureCsv.js';
import { CursorExpired } from '../../../domain/errors.js';
import { type Grain } from '../../../domain/names.js';
import { hexId, sendChanges, type Change } from '../../support/changes.js';
import { testInstallation, type TestInstallation } from './installation.js';

const MANY = 12_000;
const HUGE = '9223372036854775807';

function change(
  grain: Grain,
  n: number,
  url: string,
  more: Partial<NonNullable<Change['document']>> = {},
): Change {
  const version = '1';
  const document = {
    grain,
    windowStart: grain === 'total' ? null : '2026-11-01T00:00:00Z',
    url,
    country: 'DE',
    clickCount: String(n),
    botClicks: '0',
    uniqueUsers: '1',
    uniqueUsersExact: true,
    timedClicks: '0',
    totalTimeSpentMs: '0',
    avgTimeSpentMs: null,
    medianTimeSpentMs: null,
    p90TimeSpentMs: null,
    version,
    ...more,
  };
  return { id: hexId(`${grain}${n}`), version, document };
}

describe('searchFigures', () => {
  let t: TestInstallation;
  const name = 'index_search_test';
  const longUrl = `/${'x'.repeat(100_000)}`;
  const nasty = '/a"b\\c,\n<script>=cmd()\u001b[31m\u202e';

  const find = async (query: FigureQuery): Promise<Figure[]> => {
    const found: Figure[] = [];
    for await (const page of searchFigures(t.elasticsearch, name, query)) found.push(...page);
    return found;
  };

  const nextResponse = (): Promise<DiagnosticResult> =>
    new Promise((resolve) => {
      t.elasticsearch.diagnostic.once('response', (_, result) => {
        if (result !== null) resolve(result);
      });
    });

  before(async () => {
    t = await testInstallation(name);
    assert.deepEqual(await find({ grain: 'total' }), [], 'nothing before the first run');
    const targets = await ensureIndices(t.elasticsearch, name);
    const index = (grain: Grain) => targets.find((one) => one.grain === grain)?.index ?? '';
    const totals = Array.from({ length: MANY }, (_, i) => change('total', Math.floor(i / 3), `/p/${i}`));
    // Three URLs share each count: a tie is broken by URL; ids must differ all the same.
    const unique = totals.map((c, i) => ({ ...c, id: hexId(`total${i}`) }));
    const days = [
      change('day', 1, '/a', { windowStart: '2026-11-01T00:00:00Z' }),
      change('day', 2, '/a', { windowStart: '2026-11-02T00:00:00Z', avgTimeSpentMs: 1.5, timedClicks: '2' }),
      change('day', 3, '/a', { windowStart: '2026-11-03T00:00:00Z', country: 'FR' }),
      change('day', 4, longUrl),
      change('day', 5, nasty),
      change('day', 6, '/long', { totalTimeSpentMs: HUGE }),
      change('day', 7, '/longer', { totalTimeSpentMs: '9223372036854775806' }),
    ];
    const options = { patienceMs: 20_000 };
    await sendChanges(t.elasticsearch, { index: index('total') }, unique, options);
    const sent = await sendChanges(t.elasticsearch, { index: index('day') }, days, options);
    assert.deepEqual(sent, { indexed: 7, deleted: 0, stale: 0, rejected: [] });
    const large = Array.from({ length: 24 }, (_, i) =>
      change('month', i + 1, `/${i}/${'y'.repeat(1_000_000)}`),
    );
    await sendChanges(t.elasticsearch, { index: index('month') }, large, options);
    await refresh(
      t.elasticsearch,
      targets.map((one) => one.index),
    );
  });
  after(() => t.drop());

  it('gives everything, beyond 10,000, in order, nothing twice', async () => {
    const found = await find({ grain: 'total' });
    assert.equal(found.length, MANY);
    const expected = Array.from({ length: MANY }, (_, i) => ({ n: Math.floor(i / 3), url: `/p/${i}` })).sort(
      (a, b) => b.n - a.n || (a.url < b.url ? -1 : 1),
    );
    assert.deepEqual(
      found.map((f) => f.url),
      expected.map((e) => e.url),
    );
  });

  it('stops at the limit', async () => {
    assert.equal((await find({ grain: 'total', limit: 7 })).length, 7);
    assert.equal((await find({ grain: 'total', limit: 1_500 })).length, 1_500);
  });

  it('sorts by every figure, also across pages where all are missing', async () => {
    for (const sort of FIGURES) assert.equal((await find({ grain: 'total', sort })).length, MANY, sort);
    assert.equal((await find({ grain: 'total', sort: 'window_start' })).length, MANY);
    const byUrl = await find({ grain: 'total', sort: 'url' });
    assert.deepEqual(
      byUrl.map((f) => f.url),
      byUrl.map((f) => f.url).sort(),
    );
  });

  it('takes --from inclusive and --to exclusive', async () => {
    const found = await find({
      grain: 'day',
      url: '/a',
      from: '2026-11-02T00:00:00.000Z',
      to: '2026-11-03T00:00:00.000Z',
    });
    assert.deepEqual(
      found.map((f) => f.window_start),
      ['2026-11-02T00:00:00Z'],
    );
  });

  it('finds a URL letter by letter, by its beginning, and where it is too long for the keyword', async () => {
    assert.equal((await find({ grain: 'day', url: '/a' })).length, 3);
    assert.equal((await find({ grain: 'day', url: '/a', country: 'FR' })).length, 1);
    assert.equal((await find({ grain: 'day', url: nasty }))[0]?.url, nasty);
    assert.equal((await find({ grain: 'day', url: longUrl }))[0]?.click_count, 4);
    assert.equal((await find({ grain: 'day', url: `${longUrl}y` })).length, 0);
    assert.equal((await find({ grain: 'day', url: { prefix: '/xxx' } }))[0]?.url, longUrl);
    assert.equal((await find({ grain: 'day', url: { prefix: '/lo' } })).length, 2);
    assert.equal((await find({ grain: 'day', url: { prefix: '/l' }, limit: 1 })).length, 1);
  });

  it('loses no digit of a sum beyond 2^53', async () => {
    const found = await find({ grain: 'day', sort: 'total_time_spent_ms', limit: 2 });
    assert.deepEqual(
      found.map((f) => f.total_time_spent_ms),
      [HUGE, '9223372036854775806'],
    );
  });

  it('sorts both ways, and what has no value comes last both ways', async () => {
    const averages = async (order: SortOrder) =>
      (await find({ grain: 'day', sort: 'avg_time_spent_ms', order })).map((f) => f.avg_time_spent_ms);
    for (const order of SORT_ORDERS)
      assert.deepEqual((await averages(order)).slice(0, 2), [1.5, null], order);
    const falling = await find({ grain: 'total', sort: 'url', order: 'desc' });
    const urls = falling.map((f) => f.url);
    assert.deepEqual(urls, [...urls].sort().reverse());
    const rising = await find({ grain: 'total', order: 'asc', limit: 4 });
    assert.deepEqual(
      rising.map((f) => f.click_count),
      [0, 0, 0, 1],
    );
  });

  it('leaves out a document that is no figure, and reads one without its average', async () => {
    const foreign = { grain: 'day', window_start: '2025-01-01T00:00:00Z', url: '/foreign', country: 'XX' };
    const counts = {
      click_count: 1,
      bot_clicks: 0,
      unique_users: 1,
      timed_clicks: 0,
      total_time_spent_ms: 0,
    };
    const index =
      (await ensureIndices(t.elasticsearch, name)).find(({ grain }) => grain === 'day')?.index ?? '';
    const documents = [foreign, { ...foreign, ...counts }, { country: 'XX', click_count: 2 }];
    for (const [i, document] of documents.entries())
      await t.elasticsearch.index({ index, id: `foreign${i}`, document, refresh: true });
    const found = await find({ grain: 'day', country: 'XX' });
    for (const i of documents.keys())
      await t.elasticsearch.delete({ index, id: `foreign${i}`, refresh: true });
    assert.deepEqual(
      found.map(({ url, avg_time_spent_ms }) => [url, avg_time_spent_ms]),
      [['/foreign', null]],
    );
    assert.match(figureCsv(found[0] as Figure), /^day,2025-01-01T00:00:00Z,\/foreign,XX,1,1,0,0,$/m);
  });

  it('finds words of the path in any order, the last one by its beginning', async () => {
    const urls = async (words: string) => (await find({ grain: 'total', words })).map((f) => f.url);
    assert.deepEqual(await urls('11999 P'), ['/p/11999']);
    assert.equal((await urls('p 1199')).length, 11);
    assert.deepEqual(await urls('q 11999'), []);
  });

  it('reads figures that are large in smaller pages', async () => {
    const pages: number[] = [];
    const found: Figure[] = [];
    for await (const page of searchFigures(t.elasticsearch, name, { grain: 'month' })) {
      pages.push(page.length);
      found.push(...page);
    }
    assert.deepEqual(
      found.map((f) => f.click_count),
      Array.from({ length: 24 }, (_, i) => 24 - i),
    );
    assert.ok(
      pages.every((length) => length <= 16),
      pages.join(', '),
    );
  });

  it('keeps its view for a reader that is slow', async () => {
    const pages = searchFigures(t.elasticsearch, name, { grain: 'total' }, { holdEveryMs: 20 });
    await pages.next();
    const asked = await nextResponse();
    const { body } = asked.meta.request.params;
    assert.ok(typeof body === 'string');
    assert.match(body, /^\{"pit":.*"size":0/);
    assert.equal(asked.statusCode, 200);
    let rest = 0;
    for await (const page of pages) rest += page.length;
    assert.equal(rest, MANY - 1_000);
  });

  it('says so when the view is gone in the middle, also to a cursor', async () => {
    const lost = async (read: () => Promise<unknown>): Promise<void> => {
      const answered = nextResponse();
      await read();
      const { id } = (await answered).body as { id: string };
      await t.elasticsearch.closePointInTime({ id });
    };
    const pages = searchFigures(t.elasticsearch, name, { grain: 'total' });
    await lost(() => pages.next());
    await assert.rejects(pages.next(), CursorExpired);
    const query = { grain: 'total' as const, limit: 1 };
    let next: string | null = null;
    await lost(async () => ({ next } = await figuresPage(t.elasticsearch, name, query)));
    await assert.rejects(figuresPage(t.elasticsearch, name, query, next ?? ''), CursorExpired);
    await assert.rejects(figuresPage(t.elasticsearch, name, query, 'not a cursor'), CursorExpired);
  });
});
