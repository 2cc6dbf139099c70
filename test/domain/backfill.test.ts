import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eachDay, rangeId, rangeText, spansOf, wholeDays } from '../../domain/backfill/range.js';
import { addDay, addFailure, NOTHING_DONE } from '../../domain/backfill/total.js';

const SAID = { from: '--from', to: '--to' };
const days = (from?: unknown, to?: unknown) => wholeDays({ from, to }, SAID);

describe('the range of a backfill', () => {
  for (const [from, to, expected, rounded] of [
    [undefined, undefined, {}, false],
    ['2026-01-05', '2026-01-06', { from: '2026-01-05', to: '2026-01-06' }, false],
    ['2026-01-05T00:00:00Z', '2026-01-06T00:00Z', { from: '2026-01-05', to: '2026-01-06' }, false],
    ['2026-01-05T10:30', '2026-01-05T11:00', { from: '2026-01-05', to: '2026-01-06' }, true],
    ['2026-01-05T02:00+05:30', '2026-01-05T05:30+05:30', { from: '2026-01-04', to: '2026-01-05' }, true],
    ['2026-03-29', undefined, { from: '2026-03-29' }, false],
    [undefined, '2026-01-01T00:00:00.001Z', { to: '2026-01-02' }, true],
    [null, '9999-12-31T12:00', { to: '9999-12-31' }, true],
  ] as const)
    test(`from ${from} to ${to} is ${JSON.stringify(expected)}${rounded ? ', rounded' : ''}`, () => {
      assert.deepEqual(days(from, to), { days: expected, rounded });
    });

  for (const [from, to, problem] of [
    ['2026-02-30', undefined, /^--from: expected a date or a time .*, got "2026-02-30"$/],
    [undefined, 'tomorrow', /^--to: expected a date or a time .*, got "tomorrow"$/],
    [1767571200000, undefined, /^--from: expected .*, got 1767571200000$/],
    ['2026-01-06', '2026-01-05', /^--to: expected a time after --from \(2026-01-06\), got 2026-01-05/],
    ['2026-01-05', '2026-01-05', /--from is inclusive, --to exclusive$/],
  ] as const)
    test(`from ${from} to ${to} is refused by name`, () => {
      const whole = days(from, to);
      assert.ok('problem' in whole);
      assert.match(whole.problem, problem);
    });

  test('names itself in ids and sentences', () => {
    const both = { from: '2026-01-01', to: '2026-02-01' };
    const all = [both, { from: '2026-01-01' }, { to: '2026-02-01' }, {}];
    assert.deepEqual(all.map(rangeId), ['2026-01-01-2026-02-01', 'from-2026-01-01', 'to-2026-02-01', 'all']);
    assert.equal(rangeText(both), '2026-01-01 to 2026-01-31');
    assert.equal(rangeText({ from: '2026-01-01', to: '2026-01-02' }), '2026-01-01');
  });

  test('days become spans and days again', () => {
    const list = ['2024-02-28', '2024-02-29', '2024-03-01', '2026-01-01'];
    const spans = spansOf(list.map((day) => Date.parse(day)));
    assert.deepEqual(spans, [
      { from: '2024-02-28', to: '2024-03-02' },
      { from: '2026-01-01', to: '2026-01-02' },
    ]);
    assert.deepEqual([...eachDay(spans)], list);
  });
});

describe('what a backfill’s days come to', () => {
  const run = { hours: 24, clicks: 10, changed: 3, vanished: 1, unchanged: 5, marksLeft: 0, ms: 7 };

  test('sums, the days that changed, and the last version', () => {
    const none = { ...run, changed: 0, vanished: 0 };
    const total = [
      ['2026-01-01', { ...run, version: '8' }],
      ['2026-01-02', none],
    ] as const;
    const sum = total.reduce((so, [day, one]) => addDay(so, day, one), NOTHING_DONE);
    assert.deepEqual(sum, {
      ...{ days: 2, failedDays: 0, hours: 48, clicks: 20, changed: 3, vanished: 1, unchanged: 10, ms: 14 },
      ...{ version: '8', failed: [], changedDays: [{ day: '2026-01-01', changed: 3, vanished: 1 }] },
    });
  });

  test('failed days that follow each other for one reason are told once; long lists and reasons are cut', () => {
    const failed = ['2026-01-01', '2026-01-02', '2026-01-04'].reduce(
      (sum, day) => addFailure(sum, day, 'x'.repeat(1000)),
      NOTHING_DONE,
    );
    assert.equal(failed.failedDays, 3);
    assert.deepEqual(
      failed.failed.map(({ from, to, reason }) => [from, to, reason.length]),
      [
        ['2026-01-01', '2026-01-03', 301],
        ['2026-01-04', '2026-01-05', 301],
      ],
    );
    let many = NOTHING_DONE;
    for (let i = 0; i < 1000; i += 1)
      many = addDay(addFailure(many, `${2000 + i}-01-01`, `reason ${i}`), `${2000 + i}-01-02`, run);
    assert.ok(JSON.stringify(many).length < 64 * 1024, `${JSON.stringify(many).length} bytes`);
  });
});
