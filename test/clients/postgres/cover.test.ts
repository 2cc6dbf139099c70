import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { coverRange } from '../../../clients/postgres/aggregate/cover.js';

const HOUR = 3_600_000;
const at = (iso: string): number => Date.parse(iso);
const shown = (from: number, to: number): string[] =>
  coverRange(from, to).map((part) => {
    const [start, end] = [part.from, part.to].map((ms) =>
      Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 13) : '…',
    );
    return `${part.grain} ${start ?? ''}/${end ?? ''}`;
  });

describe('the fewest windows that make up a range', () => {
  const cases: [string, string, string[]][] = [
    ['2026-01-05T10:00Z', '2026-01-05T12:00Z', ['hour 2026-01-05T10/2026-01-05T12']],
    ['2026-01-05T23:00Z', '2026-01-06T01:00Z', ['hour 2026-01-05T23/2026-01-06T01']],
    ['2026-01-05T00:00Z', '2026-01-06T00:00Z', ['day 2026-01-05T00/2026-01-06T00']],
    ['2024-02-01T00:00Z', '2024-03-01T00:00Z', ['month 2024-02-01T00/2024-03-01T00']],
    [
      '2025-11-29T22:00Z',
      '2026-02-02T01:00Z',
      [
        'hour 2025-11-29T22/2025-11-30T00',
        'day 2025-11-30T00/2025-12-01T00',
        'month 2025-12-01T00/2026-02-01T00',
        'day 2026-02-01T00/2026-02-02T00',
        'hour 2026-02-02T00/2026-02-02T01',
      ],
    ],
  ];
  for (const [from, to, parts] of cases)
    test(`${from} to ${to}`, () => {
      assert.deepEqual(shown(at(from), at(to)), parts);
    });

  test('open ends go by months', () => {
    assert.deepEqual(shown(-Infinity, at('2026-02-02T01:00Z')), [
      'month …/2026-02-01T00',
      'day 2026-02-01T00/2026-02-02T00',
      'hour 2026-02-02T00/2026-02-02T01',
    ]);
    assert.deepEqual(shown(at('2026-01-31T00:00Z'), Infinity), [
      'day 2026-01-31T00/2026-02-01T00',
      'month 2026-02-01T00/…',
    ]);
    assert.deepEqual(shown(-Infinity, Infinity), ['month …/…']);
  });

  test('any range is covered without gap or overlap, by no more hours and days than its ends need', () => {
    const hour = fc.integer({ min: 0, max: 40 * 365 * 24 }).map((n) => n * HOUR);
    fc.assert(
      fc.property(hour, fc.integer({ min: 1, max: 5000 }), (from, hours) => {
        const to = from + hours * HOUR;
        const parts = coverRange(from, to);
        const inOrder = [...parts].sort((a, b) => a.from - b.from);
        assert.equal(inOrder[0]?.from, from);
        assert.equal(inOrder.at(-1)?.to, to);
        for (const [i, part] of inOrder.entries()) if (i > 0) assert.equal(part.from, inOrder[i - 1]?.to);
        const windows = (grain: string, length: number): number =>
          parts.filter((part) => part.grain === grain).reduce((n, p) => n + (p.to - p.from) / length, 0);
        assert.ok(windows('hour', HOUR) <= 46);
        assert.ok(windows('day', 24 * HOUR) <= 60);
      }),
    );
  });
});
