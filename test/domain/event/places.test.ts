import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Decoded, Value } from '../../../domain/event/types.js';
import { decoderOf } from './mapping.js';

const SENT_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A mapping whose column `x` is taken from `from`; `event` are lines of the event's own settings. */
function mapping(from: string, { type = 'text', event = '' } = {}): string {
  return `version: 1
name: shop
kafka: { topics: [clicks] }
event:
  nulls: ['', '-', 'direct']
  time: { from: [t] }
${event === '' ? '' : `  ${event}\n`}families:
  click_data:
    url: { type: text, from: [url], required: true }
    x: { type: ${type}, from: ${from} }
roles: { url: click_data.url }
`;
}

const AGENTS = 'address: { from: [ip] }\n  agent: { from: [ua] }\n  referrer: { from: [ref] }';

function decode(text: string, event: object | string, key: string | null = 'key'): Decoded {
  const json =
    typeof event === 'string' ? event : JSON.stringify({ t: '2026-01-01T00:00:00Z', url: '/', ...event });
  const record = {
    partition: 3,
    offset: 9_007_199_254_740_993n,
    timestampMs: SENT_MS,
    key: key === null ? null : Buffer.from(key, 'latin1'),
    value: Buffer.from(json),
  };
  return decoderOf(text)(record, { sourceId: 5, topic: 'clicks' });
}

/** The value of `x`, or the reason and the message of a rejection. */
function x(text: string, event: object | string, key?: string | null): Value | undefined {
  const decoded = decode(text, event, key);
  if (decoded.kind === 'row') return decoded.row.families.click_data[1];
  return decoded.kind === 'rejected' ? `${decoded.reason}: ${decoded.message}` : decoded.kind;
}

describe('a place', () => {
  const ga4 = {
    p: [{ key: 'a' }, { key: 'page', value: { s: '/p', i: 0 } }, { key: 'page', value: { s: '/q' } }],
  };
  const cases: [from: string, event: object, value: Value][] = [
    ['[a.b.0]', { a: { b: ['first'] } }, 'first'],
    ['[a.b.0]', { a: { b: { 0: 'key' } } }, 'key'],
    ['[a.b.-1]', { a: { b: ['first'] } }, null],
    ['[{ path: [a, b, 0] }]', { a: { b: ['first'] } }, 'first'],
    ["[{ path: ['a.b'] }]", { 'a.b': 'dotted' }, 'dotted'],
    ['[a.b.c.d.e]', { a: { b: { c: { d: { e: 1 } } } } }, '1'],
    ['[a.b.c.d.e]', { a: { b: { c: null } } }, null],
    ['[a, b]', { a: '-', b: 'second' }, 'second'],
    ['[a, b]', { a: 0, b: 'second' }, '0'],
    ['[a, b]', { a: false, b: 'second' }, 'false'],
    ['["p[key=page].value.s"]', ga4, '/p'],
    ['["p[key=page].value.i"]', ga4, '0'],
    ['["p[key=none].value.s"]', ga4, null],
    ['["p[key=a].value.s"]', ga4, null],
    ['["p[key=page].value.s"]', { p: { key: 'page' } }, null],
    ['["p[key=page].value.s"]', { p: [null, 1, 'page', ['page']] }, null],
    ['[{ path: [p, { key: page }, value, s] }]', ga4, '/p'],
    ['[{ path: [p, { n: 7 }, v] }]', { p: [{ n: '7', v: 'text' }] }, 'text'],
    ['["p[n=7].v"]', { p: [{ n: 7, v: 'number' }] }, 'number'],
    ['["p[ok=true].v"]', { p: [{ ok: true, v: 'yes' }] }, 'yes'],
    ['["p[k=a.b][j=c].v"]', { p: [{ k: 'a.b', 0: 1 }] }, null],
    ['["p[__proto__=a].v"]', { p: [{ v: 1 }] }, null],
    ["[{ json: c, path: '0.spider' }]", { c: '[{"spider":true}]' }, 'true'],
    ["[{ json: c, path: 'data[schema=a].v' }]", { c: '{"data":[{"schema":"a","v":1}]}' }, '1'],
    ["[{ json: c, path: '[schema=a].v' }]", { c: '[{"schema":"a","v":1}]' }, '1'],
    ['[{ json: [a, b], path: [0] }]', { a: { b: '["inner"]' } }, 'inner'],
    ['[{ json: c, path: v }, d]', { c: '{"v":"-"}', d: 'other' }, 'other'],
    ['[{ json: c, path: v }, d]', { d: 'other' }, 'other'],
    ['[{ json: c, path: v }, d]', { c: '-', d: 'other' }, 'other'],
    ['[{ json: c, path: v }]', { c: { v: 'sent as an object' } }, 'sent as an object'],
    ['[{ json: c }]', { c: '"text"' }, 'text'],
    ['[{ json: c }, d]', { c: 'null', d: 1 }, '1'],
    ['[a, { const: web }]', { a: 'app' }, 'app'],
    ['[a, { const: web }]', {}, 'web'],
    ["[{ const: '-' }]", {}, '-'],
    ['[{ const: 7 }]', {}, '7'],
    ["[{ template: '/product/{aid}' }]", { aid: 17 }, '/product/17'],
    ["[{ template: '/product/{aid}' }]", { aid: 0 }, '/product/0'],
    ["[{ template: '/product/{aid}' }]", { aid: false }, '/product/false'],
    ["[{ template: '/product/{aid}' }]", {}, null],
    ["[{ template: '/product/{aid}' }]", { aid: null }, null],
    ["[{ template: '/product/{aid}' }]", { aid: '-' }, null],
    ["[{ template: '/product/{aid}' }, url]", {}, '/'],
    ["[{ template: '{a.0}{b}!' }]", { a: ['x'], b: 'y' }, 'xy!'],
    ["[{ template: '{{{a}}}' }]", { a: 'b' }, '{b}'],
    ["[{ template: '{a}' }]", { a: '{b}${c}$&\\1', b: 'no' }, '{b}${c}$&\\1'],
    ["[{ template: '{a[k=v].x}' }]", { a: [{ k: 'v', x: 1 }] }, '1'],
  ];
  for (const [from, event, value] of cases) {
    test(`${from} of ${JSON.stringify(event)} is ${String(value)}`, () => {
      assert.equal(x(mapping(from), event), value);
    });
  }

  const refused: [from: string, event: object | string, message: RegExp][] = [
    [
      '[{ json: c, path: v }, d]',
      { c: '{', d: 1 },
      /^wrong_type: click_data\.x, taken from v of the JSON in c: /,
    ],
    [
      '[{ json: c }]',
      { c: 7 },
      /^wrong_type: click_data\.x, taken from the JSON in c: expected JSON inside text/,
    ],
    ["[{ template: '/{a}' }]", { a: {} }, /^wrong_type: click_data\.x, taken from the template \/\{a\}: /],
    ["[{ template: '/{a}' }]", { a: 'x\0' }, /^nul_byte: /],
    [
      "[{ template: '/{a}' }]",
      '{"t":"2026-01-01","url":"/","a":9007199254740993}',
      /^number_out_of_range: click_data\.x/,
    ],
    ['[a]', { a: {} }, /^wrong_type: click_data\.x, taken from a: /],
  ];
  for (const [from, event, message] of refused) {
    test(`${from} rejects ${JSON.stringify(event)}`, () => {
      assert.match(String(x(mapping(from), event)), message);
    });
  }

  test('JSON inside text is taken by depth and size as it comes, and kept no deeper than jsonb may be', () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    assert.match(String(x(mapping('[{ json: c }]', { type: 'jsonb' }), { c: deep })), /^too_deep: /);
    assert.equal(x(mapping("[{ json: c, path: '0.0' }]"), { c: '[[1]]' }), '1');
  });

  test('a template inserts nothing for what is missing, and its values as they are', () => {
    const text = mapping("[{ template: 'a{v}b{w}c' }]");
    const value = fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.constant('-'),
      fc.string(),
      fc.integer(),
    );
    fc.assert(
      fc.property(value, value, (v, w) => {
        const missing = [v, w].some(
          (one) => one === undefined || one === null || ['', '-', 'direct'].includes(`${one}`),
        );
        const expected = missing ? null : `a${v}b${w}c`;
        const found = x(text, { v, w });
        assert.ok(
          found === expected || /^(nul_byte|lone_surrogate)/.test(String(found)),
          JSON.stringify([v, w]),
        );
      }),
    );
  });
});

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

describe('event.where', () => {
  const where = (conditions: string): string =>
    mapping('[x]', { event: `${AGENTS}\n  where: ${conditions}` });
  const cases: [conditions: string, event: object, taken: boolean][] = [
    ['[{ absent: hb }]', {}, true],
    ['[{ absent: hb }]', { hb: null }, true],
    ['[{ absent: hb }]', { hb: '-' }, true],
    ['[{ absent: hb }]', { hb: 0 }, false],
    ['[{ absent: hb }]', { hb: {} }, false],
    ['[{ present: a.b }]', { a: { b: 1 } }, true],
    ['[{ present: a.b }]', { a: {} }, false],
    ["[{ present: ['a.b'] }]", { 'a.b': 1 }, true],
    ['[{ field: e, equals: page_view }]', { e: 'page_view' }, true],
    ['[{ field: e, equals: page_view }]', { e: 'Page_view' }, false],
    ['[{ field: e, equals: page_view }]', {}, false],
    ['[{ field: e, equals: 1 }]', { e: '1' }, true],
    ["[{ field: e, equals: '1' }]", { e: 1 }, true],
    ['[{ field: e, equals: true }]', { e: true }, true],
    ['[{ field: e, equals: x }]', { e: ['x'] }, false],
    ['[{ field: e, in: [a, b] }]', { e: 'b' }, true],
    ['[{ field: e, in: [a, b] }]', { e: 'c' }, false],
    ['[{ not: { field: e, in: [a, b] } }]', { e: 'c' }, true],
    ['[{ not: { field: e, in: [a, b] } }]', {}, true],
    ['[{ not: { not: { present: e } } }]', { e: 1 }, true],
    ['[{ present: a }, { absent: b }]', { a: 1 }, true],
    ['[{ present: a }, { absent: b }]', { a: 1, b: 1 }, false],
    ['[{ field: $ua.is_bot, equals: false }]', { ua: 'Fox' }, true],
    ['[{ field: $ua.is_bot, equals: false }]', { ua: 'bot' }, false],
    ['[{ field: $kafka.partition, equals: 3 }]', {}, true],
    ['[{ field: $url.host, equals: a }]', { url: '//b/' }, false],
    ['[{ present: $url.path }]', { url: 'a\0' }, false],
    ['[]', {}, true],
  ];
  for (const [conditions, event, taken] of cases) {
    test(`${conditions} ${taken ? 'takes' : 'filters'} ${JSON.stringify(event)}`, () => {
      assert.equal(decode(where(conditions), event).kind, taken ? 'row' : 'filtered');
    });
  }

  test('comes after the JSON is read and before anything is validated, and says which condition', () => {
    const text = where('[{ present: t }, { absent: hb }]');
    const broken = { t: 'never', url: undefined, hb: 1 };
    assert.deepEqual(decode(text, broken), {
      kind: 'filtered',
      reason: 'where',
      condition: 'event.where[1]',
    });
    assert.equal(decode(text, '{"hb":1').kind, 'rejected');
    assert.equal(decode(text, '[]').kind, 'rejected');
  });
});

test('no JSON, no bytes and no key crash the decoder, tell a value, or pollute a prototype', () => {
  const secret = 'SECRET';
  const decoder = decoderOf(
    mapping(
      `["p[k=v].x", { json: c, path: '__proto__.polluted' }, { template: '{a}{constructor.name}' }, $url.query.a, $url.host, $referrer.path, $kafka.key]`,
      {
        event: `${AGENTS}\n  normalize_url: true\n  where: [{ not: { field: f, in: [x] } }, { not: { present: __proto__.y } }]`,
      },
    ),
  );
  const key = fc.constantFrom(
    't',
    'url',
    'p',
    'k',
    'v',
    'x',
    'c',
    'a',
    'f',
    'ref',
    'ip',
    'ua',
    '__proto__',
    'constructor',
    'name',
    'polluted',
  );
  const { event } = fc.letrec<{ event: unknown; leaf: unknown }>((tie) => ({
    leaf: fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        secret,
        '{"__proto__":{"polluted":1}}',
        `[${secret}`,
        'https://u:p@h/?a=%00',
        'k',
        'v',
        '2026-01-01',
        1e308,
      ),
    ),
    event: fc.oneof(
      { maxDepth: 4 },
      tie('leaf'),
      fc.dictionary(key, tie('event')),
      fc.array(tie('event'), { maxLength: 4 }),
    ),
  }));
  const record = (value: Uint8Array, key: Uint8Array | null) => ({
    partition: 0,
    offset: 0n,
    timestampMs: SENT_MS,
    key,
    value,
  });
  fc.assert(
    fc.property(fc.dictionary(key, event), fc.option(fc.uint8Array()), (fields, recordKey) => {
      const text = JSON.stringify({ t: '2026-01-01', url: '/', ...fields });
      const decoded = decoder(record(Buffer.from(text), recordKey), { sourceId: 0 });
      if (decoded.kind === 'rejected') assert.ok(!decoded.message.includes(secret), decoded.message);
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    }),
    { numRuns: 3000 },
  );
  fc.assert(fc.property(fc.uint8Array(), (value) => void decoder(record(value, null), { sourceId: 0 })));
});
