import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isoInstant } from '../../domain/time.js';

test('a month, a day, an hour and a time are their begin, in UTC unless a zone is said', () => {
  const cases: Record<string, string | undefined> = {
    '2026-11': '2026-11-01T00:00:00.000Z',
    '2026-11-27': '2026-11-27T00:00:00.000Z',
    '2026-11-27T07': '2026-11-27T07:00:00.000Z',
    '2026-11-27 07': '2026-11-27T07:00:00.000Z',
    '2026-11-27T07Z': '2026-11-27T07:00:00.000Z',
    '2026-11-27T07:30': '2026-11-27T07:30:00.000Z',
    '2026-11-27T07:30:15.5Z': '2026-11-27T07:30:15.500Z',
    '2026-11-27T07:30+02:00': '2026-11-27T05:30:00.000Z',
    '2026': undefined,
    '2026-11Z': undefined,
    '2026-11-27Z': undefined,
    '2026-11-27T24': undefined,
    '2026-11-27T7': undefined,
    '2026-13': undefined,
    '2026-02-30': undefined,
    '2026-02-30T07': undefined,
    '': undefined,
  };
  for (const [text, expected] of Object.entries(cases)) {
    const instant = isoInstant(text);
    assert.equal(instant === undefined ? undefined : new Date(instant).toISOString(), expected, text);
  }
});
