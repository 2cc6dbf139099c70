import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BulkBody } from '../../../clients/elasticsearch/index.js';
import type { Document } from '../../../domain/figure.js';
import { bodyOf, hexId, type Change } from '../../support/changes.js';

const DOCUMENT: Document = {
  grain: 'hour',
  windowStart: '2026-11-01T10:00:00Z',
  url: '/p',
  country: 'DE',
  clickCount: '10',
  botClicks: '0',
  uniqueUsers: '2147483648',
  uniqueUsersExact: true,
  timedClicks: '9',
  totalTimeSpentMs: '9223372036854775807',
  avgTimeSpentMs: null,
  medianTimeSpentMs: null,
  p90TimeSpentMs: null,
  version: '2147483647',
};
const change = (id: string, document: Partial<Document> = {}): Change => ({
  id: hexId(id),
  version: '2147483647',
  document: { ...DOCUMENT, ...document },
});
const textOf = (body: BulkBody): string => body.slice(0, body.count).toString();

/** The lines as a JSON writer makes them; integers are compared as they are written. */
function expected({ id, version, document: d }: Change): string {
  const head = `{"_id":"${id}","version":${version},"version_type":"external"}`;
  if (d === undefined) return `{"delete":${head}}\n`;
  return (
    `{"index":${head}}\n{"grain":"${d.grain}","window_start":${JSON.stringify(d.windowStart)}` +
    `,"url":${JSON.stringify(d.url)},"country":${JSON.stringify(d.country)},"click_count":${d.clickCount}` +
    `,"bot_clicks":${d.botClicks},"unique_users":${d.uniqueUsers},"unique_users_exact":${d.uniqueUsersExact}` +
    `,"timed_clicks":${d.timedClicks},"total_time_spent_ms":${d.totalTimeSpentMs}` +
    `,"avg_time_spent_ms":${JSON.stringify(d.avgTimeSpentMs)}` +
    `,"median_time_spent_ms":${JSON.stringify(d.medianTimeSpentMs)}` +
    `,"p90_time_spent_ms":${JSON.stringify(d.p90TimeSpentMs)},"version":${d.version}}\n`
  );
}

describe('BulkBody', () => {
  test('writes each figure as JSON has it, whatever its texts and numbers are', () => {
    const texts = [
      '',
      '/a"b\\c',
      '/\n\r\t\u0000\u001f',
      '/ü/日本/😀\u2028\u007f',
      'x'.repeat(100_000),
      '"'.repeat(100_000),
    ];
    const doubles = [0, -0, 0.1, 1 / 3, -1.5, 1e21, 5e-324, 1e300, 2 ** 31, 2 ** 53, 99, 100, NaN, Infinity];
    for (let i = 0; i < 2_000; i += 1) doubles.push(i / 8, i / 1000, 0.001 * i, 2_147_482 + i / 1000, i / 3);
    const integers = [
      '0',
      '9',
      '10',
      '99',
      '100',
      '-1',
      '2147483647',
      '9007199254740993',
      '-9223372036854775808',
    ];
    const changes = [
      ...texts.map((url) => change('text', { url, country: url.slice(0, 10) })),
      ...doubles.map((n) =>
        change('double', { avgTimeSpentMs: n, medianTimeSpentMs: -n, p90TimeSpentMs: n / 7 }),
      ),
      ...integers.map((n) => change('integer', { clickCount: n, botClicks: n, totalTimeSpentMs: n })),
      ...(['hour', 'day', 'month', 'total'] as const).map((grain) =>
        change('grain', { grain, windowStart: null }),
      ),
      change('inexact', { uniqueUsersExact: false }),
      { id: hexId('gone'), version: '9007199254740993' },
    ];
    assert.equal(textOf(bodyOf(changes)), changes.map(expected).join(''));
  });

  test('tells of each figure which it is, also of one from another body', () => {
    const body = bodyOf([change('a'), { id: hexId('b'), version: '9007199254740993' }, change('c')]);
    const other = new BulkBody();
    other.addFrom(body, 2);
    other.addFrom(body, 1);
    assert.deepEqual(other.key(0), { id: hexId('c'), version: '2147483647' });
    assert.deepEqual(other.key(1), { id: hexId('b'), version: '9007199254740993' });
    assert.equal(other.count, 2);
    assert.equal(textOf(other), body.slice(2, 3).toString() + body.slice(1, 2).toString());
  });

  test('cuts requests by bytes and by figures; a figure beyond the bytes goes alone', () => {
    const sizes = [10, 10, 10, 5_000, 10, 10, 10, 10];
    const body = bodyOf(sizes.map((n, i) => change(`${i}`, { url: 'x'.repeat(n) })));
    const three = body.slice(0, 3).length;
    const cuts = (bytes: number, figures: number) => [...body.requests(bytes, figures)].map(({ to }) => to);
    assert.deepEqual(cuts(three, 100), [3, 4, 7, 8]);
    assert.deepEqual(cuts(three - 1, 100), [2, 3, 4, 6, 8]);
    assert.deepEqual(cuts(1_000_000, 3), [3, 6, 8]);
    assert.deepEqual(cuts(1, 100), [1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
