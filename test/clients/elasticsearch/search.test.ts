import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ensureIndices,
  FIGURES,
  refresh,
  searchFigures,
  sendChanges,
  type Figure,
  type FigureQuery,
} from '../../../clients/elasticsearch/index.js';
import type { Change } from '../../../domain/figure.js';
import { type Grain } from '../../../domain/names.js';
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
  return { id: `${grain}${n.toString(16).padStart(8, '0')}`, version, document };
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

  before(async () => {
    t = await testInstallation(name);
    assert.deepEqual(await find({ grain: 'total' }), [], 'nothing before the first run');
    const targets = await ensureIndices(t.elasticsearch, name);
    const index = (grain: Grain) => targets.find((one) => one.grain === grain)?.index ?? '';
    const totals = Array.from({ length: MANY }, (_, i) => change('total', Math.floor(i / 3), `/p/${i}`));
    // Three URLs share each count: a tie is broken by URL; ids must differ all the same.
    const unique = totals.map((c, i) => ({ ...c, id: `total${i}` }));
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
    await refresh(t.elasticsearch, [index('total'), index('day')]);
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
});
