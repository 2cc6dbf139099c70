import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measure } from '../../../web/view/address.js';
import type { Window } from '../../../web/view/answers.js';
import { pointsOf, tickText, timeTicks, valueTicks, type SeriesQuestion } from '../../../web/view/series.js';

const at = (text: string): number => Date.parse(text);
const window = (start: string, clicks: number, average: number | null = null): Window => ({
  window_start: at(start),
  click_count: clicks,
  bot_clicks: 0,
  unique_users: clicks,
  unique_users_kind: 'exact',
  timed_clicks: 0,
  total_time_spent_ms: 0,
  avg_time_spent_ms: average,
});
const question: SeriesQuestion = {
  series: [window('2026-11-26', 5), window('2026-11-28', 2, 900)],
  previous: [],
  measure: 'click_count',
  grain: 'day',
  from: at('2026-11-26'),
  to: at('2026-11-30'),
  now: at('2026-11-28T06:20Z'),
};
const values = (points: ReturnType<typeof pointsOf>) => points.map((point) => point.value);

test('a window that the answer leaves out has no clicks; one still to come has no value', () => {
  const points = pointsOf(question);
  assert.deepEqual(values(points), [5, 0, 2, undefined]);
  assert.deepEqual(
    points.map((point) => point.isRunning),
    [false, false, true, false],
  );
});

test('an average of no time known is not 0', () => {
  assert.deepEqual(values(pointsOf({ ...question, measure: 'avg_time_spent_ms' })), [
    null,
    null,
    900,
    undefined,
  ]);
});

test('the period before lies under this one window by window, months by the calendar', () => {
  const points = pointsOf({
    ...question,
    series: [],
    grain: 'month',
    from: at('2026-02-01'),
    to: at('2026-04-01'),
    previous: [window('2026-01-01', 7)],
    previousFrom: at('2025-12-01'),
  });
  assert.deepEqual(
    points.map((point) => point.before),
    [0, 7],
  );
});

test('values are marked at round places that hold the highest', () => {
  assert.deepEqual(valueTicks(1_575, 'click_count'), [0, 500, 1_000, 1_500, 2_000]);
  assert.deepEqual(valueTicks(3, 'click_count'), [0, 1, 2, 3]);
  assert.deepEqual(valueTicks(0, 'click_count'), [0, 1]);
  assert.deepEqual(valueTicks(100_000, 'avg_time_spent_ms'), [0, 30_000, 60_000, 90_000, 120_000]);
});

test('values at one axis are written alike', () => {
  const written = (highest: number, measure: Measure): string[] => {
    const ticks = valueTicks(highest, measure);
    return ticks.map((tick) => tickText(tick, measure, ticks.at(-1) ?? 0));
  };
  assert.deepEqual(written(8_100, 'click_count'), ['0', '2.5K', '5K', '7.5K', '10K']);
  assert.deepEqual(written(3_100, 'click_count'), ['0', '1,000', '2,000', '3,000', '4,000']);
  assert.deepEqual(written(45_500, 'avg_time_spent_ms'), ['0', '15 s', '30 s', '45 s', '1 min']);
});

test('times are marked at round places, no more of them than there is room', () => {
  const hours = pointsOf({
    ...question,
    series: [],
    grain: 'hour',
    from: at('2026-11-26'),
    to: at('2026-11-28'),
  });
  assert.deepEqual(
    timeTicks(hours, 'hour', 5).map(({ text }) => text),
    ['26 Nov', '12:00', '27 Nov', '12:00'],
  );
  const months = pointsOf({
    ...question,
    series: [],
    grain: 'month',
    from: at('2025-11-01'),
    to: at('2026-11-01'),
  });
  assert.deepEqual(
    timeTicks(months, 'month', 6).map(({ text }) => text),
    ['Nov 2025', 'Jan 2026', 'Mar', 'May', 'Jul', 'Sept'],
  );
  const days = pointsOf({
    ...question,
    series: [],
    grain: 'day',
    from: at('2026-10-25'),
    to: at('2026-11-01'),
  });
  assert.deepEqual(
    timeTicks(days, 'day', 3.1).map(({ text }) => text),
    ['25 Oct', '28 Oct', '31 Oct'],
  );
});
