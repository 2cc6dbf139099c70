import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { mapping, x } from './column.js';
import type { Value } from '../../../domain/event/types.js';

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
