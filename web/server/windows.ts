/** Which windows a question is answered by: the grain of a series, and the grain that a sum needs fewest figures of. */
import type { Grain } from '../../domain/names.js';
import { nextWindow, windowsBetween } from '../view/range.js';
import { BadParameter, instant, oneOf } from './parameters.js';

export type SeriesGrain = Exclude<Grain, 'total'>;
const SERIES_GRAINS = ['hour', 'day', 'month'] as const satisfies readonly SeriesGrain[];

/** In ms since 1970; absent: open. */
export interface Bounds {
  readonly from?: number;
  readonly to?: number;
}

const DAY = 86_400_000;
/** A series of hours up to this length, in ms; where the data alone bound it, a bit longer. */
const HOURS = 3 * DAY;
const HOURS_WHEN_OPEN = 8 * DAY;
const DAYS = 124 * DAY;
/** Of one series; more could not be told apart anyhow. */
const MOST_WINDOWS = 5_000;

/** Whether a window of the grain starts there. */
function startsWindow(at: number, grain: SeriesGrain): boolean {
  const date = new Date(at);
  if (grain === 'month') return at % DAY === 0 && date.getUTCDate() === 1;
  return at % (grain === 'day' ? DAY : 3_600_000) === 0;
}

const fits = ({ from, to }: Bounds, grain: SeriesGrain): boolean =>
  [from, to].every((bound) => bound === undefined || startsWindow(bound, grain));

/** The range of a request. @throws BadParameter where it is empty or backwards, or not of whole hours. */
export function boundsOf(params: URLSearchParams): Bounds {
  const [from, to] = [instant(params, 'from'), instant(params, 'to')];
  const bounds = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  for (const name of ['from', 'to'] as const) {
    const bound = bounds[name];
    if (bound !== undefined && !startsWindow(bound, 'hour'))
      throw new BadParameter(name, `expected a whole hour in UTC, got ${new Date(bound).toISOString()}`);
  }
  if (from !== undefined && to !== undefined && from >= to)
    throw new BadParameter('to', `expected a time after from (${new Date(from).toISOString()})`);
  return bounds;
}

/** The grain that a request names. @throws BadParameter where the range does not consist of its windows. */
export function askedGrain(params: URLSearchParams, bounds: Bounds): SeriesGrain | undefined {
  const grain = oneOf(params, 'grain', SERIES_GRAINS);
  if (grain === undefined) return undefined;
  for (const name of ['from', 'to'] as const) {
    const bound = bounds[name];
    if (bound !== undefined && !startsWindow(bound, grain))
      throw new BadParameter(
        name,
        `expected the start of a ${grain} in UTC, got ${new Date(bound).toISOString()}`,
      );
  }
  return grain;
}

/** @throws BadParameter where a series of the grain has too many windows. */
export function checkCount(windows: number, grain: SeriesGrain): void {
  if (windows > MOST_WINDOWS)
    throw new BadParameter(
      'grain',
      `expected at most ${MOST_WINDOWS} windows, got more ${grain}s; choose a shorter range, or a longer grain ` +
        'and bounds where its windows start',
    );
}

/** Before anything is searched. @throws BadParameter where the bounds alone say that there can be too many windows. */
export function checkLength({ from, to }: Bounds, grain: SeriesGrain): void {
  if (from !== undefined && to !== undefined) checkCount(windowsBetween(from, to, grain), grain);
}

/** The grain of a series that was not told one: by the range's length, or that of what there is where it is open. */
export function seriesGrain(
  bounds: Bounds,
  windows: { readonly first: number; readonly last: number } | undefined,
) {
  const from = bounds.from ?? windows?.first;
  const to = bounds.to ?? (windows && nextWindow(windows.last, 'hour'));
  const length = from === undefined || to === undefined ? 0 : to - from;
  const isBounded = bounds.from !== undefined && bounds.to !== undefined;
  const wanted = length <= (isBounded ? HOURS : HOURS_WHEN_OPEN) ? 'hour' : length <= DAYS ? 'day' : 'month';
  const finer = SERIES_GRAINS.slice(0, SERIES_GRAINS.indexOf(wanted) + 1).reverse();
  return finer.find((grain) => fits(bounds, grain)) ?? 'hour';
}

/** The grain with the fewest figures whose windows fill the range: its sums are the same, its people fewest twice. */
export function sumGrain(bounds: Bounds): Grain {
  if (bounds.from === undefined && bounds.to === undefined) return 'total';
  return [...SERIES_GRAINS].reverse().find((grain) => fits(bounds, grain)) ?? 'hour';
}

/** The period of equal length before: whole months where the range is whole months. */
export function previousBounds({
  from,
  to,
}: Bounds): { readonly from: number; readonly to: number } | undefined {
  if (from === undefined || to === undefined) return undefined;
  if (!fits({ from, to }, 'month')) return { from: from - (to - from), to: from };
  const start = new Date(from);
  const months = windowsBetween(from, to, 'month');
  return { from: Date.UTC(start.getUTCFullYear(), start.getUTCMonth() - months), to: from };
}

/** As the index takes it. */
export const isoBounds = ({ from, to }: Bounds): { readonly from?: string; readonly to?: string } => ({
  ...(from !== undefined && { from: new Date(from).toISOString() }),
  ...(to !== undefined && { to: new Date(to).toISOString() }),
});
