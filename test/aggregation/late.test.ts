import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { figureKey, someClicks } from '../support/figures.js';
import type { Click } from '../support/plainFigures.js';
import { setUpAggregation, type Aggregation } from './setUp.js';

const click = (time: string, more: Partial<Click> = {}): Click => ({
  time,
  url: '/a',
  country: 'DE',
  ...more,
});
const SITE = someClicks(120, '2026-03-28T20:00:00Z', '2026-03-29T04:00:00Z', 21);

describe('late clicks, and what a run leaves alone', () => {
  let aggregation: Aggregation;
  before(async () => {
    aggregation = await setUpAggregation('late');
  });
  afterEach(() => aggregation.wipe());
  after(() => aggregation.close());

  /** Figures that got another version since. */
  const renewed = async (since: ReadonlyMap<string, string>): Promise<Set<string>> => {
    const { versions } = await aggregation.stored();
    return new Set([...versions].filter(([key, version]) => since.get(key) !== version).map(([key]) => key));
  };
  const keys = (hour: string, url: string, country: string): string[] => [
    figureKey('hour', `${hour}:00:00.000Z`, url, country),
    figureKey('day', `${hour.slice(0, 10)}T00:00:00.000Z`, url, country),
    figureKey('month', `${hour.slice(0, 7)}-01T00:00:00.000Z`, url, country),
    figureKey('total', '', url, country),
  ];

  test('a click late by a year corrects its hour, day, month and total, and nothing else', async () => {
    await aggregation.send([...SITE, click('2025-03-28T21:00:00Z', { user: 'ann' })]);
    await aggregation.runAll();
    const { versions } = await aggregation.stored();
    const late = click('2025-03-28T22:10:00Z', { user: 'bob' });
    await aggregation.send([late]);
    const { changed } = await aggregation.run();
    assert.equal(changed, 4);
    assert.deepEqual(await renewed(versions), new Set(keys('2025-03-28T22', '/a', 'DE')));
    await aggregation.areFiguresOf([...SITE, click('2025-03-28T21:00:00Z', { user: 'ann' }), late]);
  });

  test('a click just after midnight gives its time to another page, hour, day and month before it', async () => {
    const before = click('2026-01-31T23:50:00Z', { url: '/before', session: 's' });
    await aggregation.send([before, ...SITE]);
    await aggregation.runAll();
    const { versions } = await aggregation.stored();
    const next = click('2026-02-01T00:05:00Z', { url: '/next', session: 's' });
    await aggregation.send([next]);
    await aggregation.runAll();
    assert.deepEqual(
      await renewed(versions),
      new Set([...keys('2026-01-31T23', '/before', 'DE'), ...keys('2026-02-01T00', '/next', 'DE')]),
    );
    const { figures } = await aggregation.stored();
    assert.equal(
      figures.get(figureKey('hour', '2026-01-31T23:00:00.000Z', '/before', 'DE'))?.totalMs,
      900_000,
    );
    await aggregation.areFiguresOf([before, next, ...SITE]);
  });

  test('only marked hours are read: what was put into another hour without a mark is not in the figures', async () => {
    const marked = click('2026-03-29T01:30:00Z', { url: '/marked' });
    await aggregation.send(SITE);
    await aggregation.runAll();
    await aggregation.installation.rows(
      `UPDATE click_data SET url = '/poison' WHERE event_time < '2026-03-28T22:00Z'`,
    );
    await aggregation.send([marked]);
    await aggregation.runAll();
    const { figures } = await aggregation.stored();
    assert.ok(![...figures.keys()].some((key) => key.includes('/poison')));
    assert.equal(figures.get(figureKey('total', '', '/marked', 'DE'))?.clicks, 1);
  });

  test('the clocks of Kolkata and the night of a daylight-saving day change nothing', async () => {
    const zone = process.env['TZ'];
    const clicks = [
      ...SITE,
      click('2026-03-29T00:59:59.999999Z', { session: 's' }),
      click('2026-03-29T01:00:00Z', { session: 's' }),
      click('2026-03-28T18:29:59Z'),
      click('2026-03-28T18:30:00Z'),
    ];
    await aggregation.send(clicks);
    try {
      process.env['TZ'] = 'Asia/Kolkata';
      assert.equal(new Date(0).getTimezoneOffset(), -330, 'the worker stands in India');
      await aggregation.runAll();
      await aggregation.areFiguresOf(clicks);
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
    const { versions } = await aggregation.stored();
    await aggregation.markAll();
    await aggregation.runAll();
    assert.deepEqual(await renewed(versions), new Set(), 'in UTC the same');
  });
});
