/** Ranges of time as people choose them, all UTC, made into bounds that lie on windows. */
import * as format from './format.js';
import type { SeriesGrain } from './answers.js';

export const PRESETS = ['today', '24h', '7d', '30d', '12mo', 'all'] as const;
export type Preset = (typeof PRESETS)[number];

export const PRESET_NAMES: Readonly<Record<Preset, string>> = {
  today: 'Today',
  '24h': '24 hours',
  '7d': '7 days',
  '30d': '30 days',
  '12mo': '12 months',
  all: 'All time',
};

/** A preset, or bounds as the address bar holds them: ISO, the first inclusive, the second exclusive. */
export type Range = Preset | { readonly from?: string; readonly to?: string };

/** In ms since 1970; absent: open. */
export interface Bounds {
  readonly from?: number;
  readonly to?: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const startOfDay = (at: number): number => Math.floor(at / DAY) * DAY;

function addMonths(at: number, months: number): number {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months);
}

/** What a range means at the moment `now`. A range by hand that is no date is open there: the server refuses it. */
export function boundsOf(range: Range, now: number): Bounds {
  const today = startOfDay(now);
  switch (range) {
    case 'today':
      return { from: today, to: today + DAY };
    case '24h': {
      const to = Math.floor(now / HOUR) * HOUR + HOUR;
      return { from: to - DAY, to };
    }
    case '7d':
      return { from: today - 6 * DAY, to: today + DAY };
    case '30d':
      return { from: today - 29 * DAY, to: today + DAY };
    case '12mo':
      return { from: addMonths(now, -11), to: addMonths(now, 1) };
    case 'all':
      return {};
    default: {
      const from = Date.parse(range.from ?? '');
      const to = Date.parse(range.to ?? '');
      return { ...(!Number.isNaN(from) && { from }), ...(!Number.isNaN(to) && { to }) };
    }
  }
}

/** A bound as the server takes it: a date where it is midnight. */
export function isoBound(at: number): string {
  const iso = new Date(at).toISOString();
  return at % DAY === 0 ? iso.slice(0, 10) : iso.replace('.000Z', 'Z');
}

export function nextWindow(at: number, grain: SeriesGrain): number {
  if (grain === 'month') return addMonths(at, 1);
  return at + (grain === 'day' ? DAY : HOUR);
}

/** How many windows further `at` is. */
export function windowsBetween(from: number, at: number, grain: SeriesGrain): number {
  if (grain !== 'month') return Math.round((at - from) / (grain === 'day' ? DAY : HOUR));
  const [a, b] = [new Date(from), new Date(at)];
  return 12 * (b.getUTCFullYear() - a.getUTCFullYear()) + b.getUTCMonth() - a.getUTCMonth();
}

/** So many points are still told apart, and still quickly drawn. */
const MOST_WINDOWS = 800;

/**
 * The grains that a series over these windows may have: they give neither one point nor thousands, and fit the
 * bounds, if bounds were asked for.
 */
export function grainsOf(from: number, to: number, isBounded: boolean): SeriesGrain[] {
  const fits: Readonly<Record<SeriesGrain, boolean>> = {
    hour: from % HOUR === 0 && to % HOUR === 0,
    day: from % DAY === 0 && to % DAY === 0,
    month: addMonths(from, 0) === from && addMonths(to, 0) === to,
  };
  return (['hour', 'day', 'month'] as const).filter((grain) => {
    const windows = windowsBetween(from, to, grain);
    return (fits[grain] || !isBounded) && windows > 1 && windows <= MOST_WINDOWS;
  });
}

/** A window's name in full: `Wed 20 May 2015, 21:00–22:00`. */
export function windowName(at: number, grain: SeriesGrain): string {
  if (grain === 'month') return format.month(at);
  if (grain === 'day') return format.dayWithWeekday(at);
  return `${format.dayWithWeekday(at)}, ${format.time(at)}–${format.time(at + HOUR)}`;
}

/** Bounds in words, the last day included: `17 – 20 May 2015`; UTC, which is not said. */
export function boundsName(from: number, to: number): string {
  if (from % DAY !== 0 || to % DAY !== 0)
    return `${format.day(from)}, ${format.time(from)} – ${format.day(to)}, ${format.time(to)}`;
  const last = to - DAY;
  if (last === from) return format.day(from);
  if (addMonths(from, 0) === from && addMonths(from, 1) === to) return format.month(from);
  const [a, b] = [new Date(from), new Date(last)];
  if (a.getUTCFullYear() !== b.getUTCFullYear()) return `${format.day(from)} – ${format.day(last)}`;
  const start = a.getUTCMonth() === b.getUTCMonth() ? String(a.getUTCDate()) : format.dayAndMonth(from);
  return `${start} – ${format.day(last)}`;
}
