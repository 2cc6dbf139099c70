/** The points of the chart, and what is written at its axes. */
import type { SeriesGrain, Window } from './answers.js';
import type { Measure } from './address.js';
import * as format from './format.js';
import { nextWindow, windowsBetween } from './range.js';

export interface Point {
  /** The window's start, in ms since 1970. */
  readonly at: number;
  /** Null: no time is known for any click of the window. Undefined: the window is still to come. */
  readonly value: number | null | undefined;
  /** The value in the period before, where there is one to compare with. */
  readonly before?: number | null;
  /** Whether the window is not over yet. */
  readonly isRunning: boolean;
}

export interface SeriesQuestion {
  readonly series: readonly Window[];
  readonly previous: readonly Window[];
  /** The start of the period before. */
  readonly previousFrom?: number | undefined;
  readonly measure: Measure;
  readonly grain: SeriesGrain;
  /** The first window, and the end of the last. */
  readonly from: number;
  readonly to: number;
  readonly now: number;
}

/** A point for every window: an answer leaves out those without clicks. */
export function pointsOf(question: SeriesQuestion): Point[] {
  const { series, previous, previousFrom, measure, grain, from, to, now } = question;
  const nothing = measure === 'avg_time_spent_ms' ? null : 0;
  const values = new Map(series.map((window) => [window.window_start, window[measure]]));
  const before = new Map(
    previousFrom === undefined
      ? []
      : previous.map((window) => [windowsBetween(previousFrom, window.window_start, grain), window[measure]]),
  );
  const points: Point[] = [];
  for (let at = from; at < to; at = nextWindow(at, grain)) {
    const value = values.get(at);
    points.push({
      at,
      value: value === undefined && at > now ? undefined : (value ?? nothing),
      ...(previousFrom !== undefined && { before: before.get(points.length) ?? nothing }),
      isRunning: at <= now && now < nextWindow(at, grain),
    });
  }
  return points;
}

const STEPS = [1, 2, 2.5, 5, 10];
const SECOND = 1_000;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18_000, 36_000].map(
  (s) => s * SECOND,
);

/** Round values from 0 to a bit above the highest, at most five steps. */
export function valueTicks(highest: number, measure: Measure): number[] {
  const isTime = measure.endsWith('_ms');
  const wanted = Math.max(highest, isTime ? SECOND : 1) / 4;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const round = (STEPS.find((step) => step * power >= wanted) ?? 10) * power;
  const step = isTime
    ? (TIME_STEPS.find((candidate) => candidate >= wanted) ?? Math.ceil(wanted / 36e6) * 36e6)
    : Math.max(1, round);
  const ticks = [0];
  while ((ticks.at(-1) ?? 0) < highest || ticks.length < 2) ticks.push(ticks.length * step);
  return ticks;
}

export function valueText(value: number | null | undefined, measure: Measure): string {
  if (value === undefined) return 'still to come';
  if (value === null) return 'no time known';
  return measure.endsWith('_ms') ? format.duration(value) : format.count(value);
}

/** At an axis there is little room, and `highest` is its last value. */
export function tickText(value: number, measure: Measure, highest: number): string {
  if (!measure.endsWith('_ms')) return format.shortCount(value, highest);
  if (value === 0) return '0';
  return format
    .duration(value)
    .replace(/ 00 (s|min)$/, '')
    .replace('.0 s', ' s');
}

export interface TimeTick {
  readonly index: number;
  readonly text: string;
}

const DAY = 86_400_000;

function windowText(at: number, grain: SeriesGrain, isFirst: boolean): string {
  const date = new Date(at);
  if (grain === 'month') {
    return date.getUTCMonth() === 0 || isFirst
      ? `${format.monthName(at)} ${date.getUTCFullYear()}`
      : format.monthName(at);
  }
  if (grain === 'hour' && at % DAY !== 0) return format.time(at);
  return format.dayAndMonth(at);
}

/** Names for some of the windows, at most `room` of them, at round places. */
export function timeTicks(points: readonly Point[], grain: SeriesGrain, room: number): TimeTick[] {
  const spans = {
    hour: [1, 2, 3, 6, 8, 12, 24, 48, 72, 168],
    day: [1, 2, 3, 7, 14, 28, 56, 112],
    month: [1, 2, 3, 4, 6, 12, 24, 60],
  };
  const most = Math.max(1, room);
  const span =
    spans[grain].find((candidate) => points.length / candidate <= most) ?? Math.ceil(points.length / most);
  const first = points[0]?.at ?? 0;
  const offset = (at: number): number => {
    if (grain === 'hour') return Math.round(at / 3_600_000);
    if (grain === 'day') return Math.round((at - first) / DAY);
    return new Date(at).getUTCFullYear() * 12 + new Date(at).getUTCMonth();
  };
  return points.flatMap(({ at }, index) =>
    offset(at) % span === 0 ? [{ index, text: windowText(at, grain, index === 0) }] : [],
  );
}
