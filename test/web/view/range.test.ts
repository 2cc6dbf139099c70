import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  boundsName,
  boundsOf,
  grainsOf,
  PRESETS,
  windowName,
  windowsBetween,
} from '../../../web/view/range.js';

const at = (text: string): number => Date.parse(text);
const NOW = at('2026-11-28T06:20:00Z');

test('a range ends with the window that is running, and lies on windows', () => {
  const expected = {
    today: ['2026-11-28', '2026-11-29'],
    '24h': ['2026-11-27T07:00Z', '2026-11-28T07:00Z'],
    '7d': ['2026-11-22', '2026-11-29'],
    '30d': ['2026-10-30', '2026-11-29'],
    '12mo': ['2025-12-01', '2026-12-01'],
    all: [],
  } as const;
  for (const preset of PRESETS) {
    const [from, to] = expected[preset];
    assert.deepEqual(boundsOf(preset, NOW), from && to ? { from: at(from), to: at(to) } : {}, preset);
  }
});

test('a bound that is no date is open for the page', () => {
  assert.deepEqual(boundsOf({ from: 'yesterday', to: '2026-11-02' }, NOW), { to: at('2026-11-02') });
});

test('a series may have the windows that fit its bounds and are neither one nor thousands', () => {
  assert.deepEqual(grainsOf(at('2026-11-01'), at('2026-11-02'), true), ['hour']);
  assert.deepEqual(grainsOf(at('2026-10-30'), at('2026-11-29'), true), ['hour', 'day']);
  assert.deepEqual(grainsOf(at('2025-12-01'), at('2026-12-01'), true), ['day', 'month']);
  assert.deepEqual(grainsOf(at('2026-11-27T07:00Z'), at('2026-11-28T07:00Z'), true), ['hour']);
  assert.deepEqual(grainsOf(at('2000-01-01'), at('2026-01-01'), true), ['month']);
});

test('where no bounds were asked for, the figures there are need not fill a day or a month', () => {
  assert.deepEqual(grainsOf(at('2015-05-17T10:00Z'), at('2015-05-20T22:00Z'), false), ['hour', 'day']);
});

test('windows are counted by the calendar', () => {
  assert.equal(windowsBetween(at('2025-12-01'), at('2026-02-01'), 'month'), 2);
  assert.equal(windowsBetween(at('2026-02-27'), at('2026-03-02'), 'day'), 3);
  assert.equal(windowsBetween(at('2026-02-27'), at('2026-02-28'), 'hour'), 24);
});

test('windows and bounds have names, the last day included', () => {
  assert.equal(windowName(at('2015-05-20T21:00Z'), 'hour'), 'Wed 20 May 2015, 21:00–22:00');
  assert.equal(windowName(at('2015-05-01'), 'month'), 'May 2015');
  assert.equal(boundsName(at('2015-05-17'), at('2015-05-21')), '17 – 20 May 2015');
  assert.equal(boundsName(at('2015-05-17'), at('2015-06-02')), '17 May – 1 Jun 2015');
  assert.equal(boundsName(at('2014-12-30'), at('2015-01-03')), '30 Dec 2014 – 2 Jan 2015');
  assert.equal(boundsName(at('2015-05-17'), at('2015-05-18')), '17 May 2015');
  assert.equal(boundsName(at('2015-05-01'), at('2015-06-01')), 'May 2015');
  assert.equal(
    boundsName(at('2015-05-17T10:00Z'), at('2015-05-18T10:00Z')),
    '17 May 2015, 10:00 – 18 May 2015, 10:00',
  );
});
