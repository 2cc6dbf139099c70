import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Value } from '../../../domain/event/types.js';
import { AGENTS, decode, mapping, SENT_MS, x } from './column.js';
import { decoderOf } from './mapping.js';

describe('an enrichment', () => {
  const cases: [place: string, type: string, event: object, value: Value][] = [
    ['$kafka.topic', 'text', {}, 'clicks'],
    ['$kafka.partition', 'integer', {}, 3],
    ['$kafka.partition', 'text', {}, '3'],
    ['$kafka.offset', 'bigint', {}, 9_007_199_254_740_993n],
    ['$kafka.offset', 'text', {}, '9007199254740993'],
    ['$kafka.timestamp', 'timestamptz', {}, BigInt(SENT_MS) * 1000n],
    ['$kafka.timestamp', 'date', {}, 20455],
    ['$kafka.key', 'text', {}, 'key'],
    ['$url.host', 'text', { url: 'https://Shop.Example/a?utm_source=mail#x' }, 'shop.example'],
    ['$url.utm_source', 'text', { url: 'https://Shop.Example/a?utm_source=mail' }, 'mail'],
    ['$url.utm_source', 'text', { url: '/a?utm_source=-' }, null],
    ['$url.query.page', 'integer', { url: '/a?page=7' }, 7],
    ['$url.host', 'text', { url: '/a' }, null],
    ['$referrer.host', 'text', { ref: 'https://u:p@Search.Example/?q=a' }, 'search.example'],
    ['$referrer.query.q', 'text', { ref: 'https://search.example/?q=a%20b' }, 'a b'],
    ['$referrer.host', 'text', { ref: 'direct' }, null],
    ['$referrer.host', 'text', { ref: 7 }, null],
    ['$referrer.path', 'text', { ref: 'https://a/\0' }, null],
    ['$ua.browser', 'text', { ua: 'Fox/1' }, 'Fox'],
    ['$ua.is_bot', 'boolean', { ua: 'bot/1' }, true],
    ['$ua.is_bot', 'boolean', {}, null],
    ['$geoip.country', 'text', { ip: '192.0.2.1' }, 'DE'],
    ['$geoip.country', 'text', { ip: 'd41d8cd98f00b204' }, null],
    ['$visitor', 'text', { ip: 'd41d8cd98f00b204', ua: 'a' }, 'visitor of d41d8cd98f00b204, a'],
    ['$visitor', 'text', { ua: 'a' }, null],
    ["{ template: '{$kafka.partition}/{$kafka.offset}' }", 'text', {}, '3/9007199254740993'],
    ["{ template: '{$url.host}{$url.path}' }", 'text', { url: '//h/p?q' }, 'h/p'],
  ];
  for (const [place, type, event, value] of cases) {
    test(`${place} of ${JSON.stringify(event)} is ${String(value)}`, () => {
      assert.equal(x(mapping(`[${place}]`, { type, event: AGENTS }), event), value);
    });
  }

  test('$kafka.key is missing without a key, and rejects one that is no text', () => {
    const text = mapping('[$kafka.key]');
    assert.equal(x(text, {}, null), null);
    assert.equal(x(text, {}, ''), null);
    assert.match(String(x(text, {}, '\xff')), /^invalid_utf8: click_data\.x, taken from \$kafka\.key: /);
  });

  test('$kafka may be id and time, whatever the formats are', () => {
    const text = mapping('[x]', { event: 'id: { from: [$kafka.key] }' }).replace(
      'from: [t]',
      'from: [$kafka.timestamp], formats: [iso]',
    );
    const [a, b, c] = [decode(text, {}, 'a'), decode(text, { t: 0 }, 'a'), decode(text, {}, 'c')];
    assert.ok(a.kind === 'row' && b.kind === 'row' && c.kind === 'row');
    assert.equal(a.row.eventTimeUs, BigInt(SENT_MS) * 1000n);
    assert.deepEqual(a.row.eventId, b.row.eventId);
    assert.notDeepEqual(a.row.eventId, c.row.eventId);
  });

  test('$url is made of what is stored: without password, normalised when that is set', () => {
    const event = { url: 'HTTPS://u:p@Shop.Example#a' };
    assert.equal(x(mapping('[$url.fragment]'), event), 'a');
    assert.equal(x(mapping('[$url.fragment]', { event: 'normalize_url: true' }), event), null);
    const normal = decode(mapping('[x]', { event: 'normalize_url: true' }), event);
    assert.ok(normal.kind === 'row');
    assert.equal(normal.row.families.click_data[0], 'https://shop.example/');
  });

  test('nothing of one event is left in the next', () => {
    const decoder = decoderOf(
      mapping('[{ json: c, path: v }, $url.host, $geoip.country, $ua.browser]', { event: AGENTS }),
    );
    const value = (event: object): Value | undefined => {
      const text = JSON.stringify({ t: '2026-01-01', url: '/', ...event });
      const record = { partition: 0, offset: 0n, timestampMs: -1, key: null, value: Buffer.from(text) };
      const decoded = decoder(record, { sourceId: 0 });
      return decoded.kind === 'row' ? decoded.row.families.click_data[1] : undefined;
    };
    for (const [event, expected] of [
      [{ c: '{"v":1}' }, '1'],
      [{}, null],
      [{ url: '//h/' }, 'h'],
      [{}, null],
      [{ ip: '192.0.2.1' }, 'DE'],
      [{ ua: 'A/1' }, 'A'],
      [{}, null],
    ] as const)
      assert.equal(value(event), expected);
  });
});
