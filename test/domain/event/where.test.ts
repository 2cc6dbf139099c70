import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AGENTS, decode, mapping } from './column.js';

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
