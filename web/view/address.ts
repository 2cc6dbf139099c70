/** The page's whole state is its address: a link shows the same figures to the next reader. */
import { boundsOf, isoBound, PRESETS, type Preset, type Range } from './range.js';
import type { SeriesGrain } from './answers.js';

/** The figures that totals, chart and lists can be read by. */
export const MEASURES = [
  'click_count',
  'unique_users',
  'avg_time_spent_ms',
  'total_time_spent_ms',
  'bot_clicks',
] as const;
export type Measure = (typeof MEASURES)[number];

export interface View {
  readonly range: Range;
  /** Absent: the server's choice. */
  readonly grain?: SeriesGrain | undefined;
  /** What the chart shows. */
  readonly measure: Measure;
  /** What the lists are sorted by. */
  readonly sort: Measure;
  readonly compare: boolean;
  readonly url?: string | undefined;
  /** Words of the URL. */
  readonly q?: string | undefined;
  /** Any of them; none: all. */
  readonly countries: readonly string[];
}

/** Sorted by what is most asked for, over all the time there is: figures may be of any age. */
export const DEFAULT_VIEW: View = {
  range: 'all',
  measure: 'click_count',
  sort: 'click_count',
  compare: false,
  countries: [],
};

function oneOf<T extends string>(choices: readonly T[], text: string | null): T | undefined {
  return choices.find((choice) => choice === text);
}

/** Bounds and filters are taken as they are, for the server to judge; a choice that there is not is the default. */
export function readAddress(search: string): View {
  const params = new URLSearchParams(search);
  const [from, to, url, q] = ['from', 'to', 'url', 'q'].map((name) => params.get(name) || undefined);
  const grain = oneOf<SeriesGrain>(['hour', 'day', 'month'], params.get('grain'));
  const preset = oneOf<Preset>(PRESETS, params.get('range'));
  return {
    range: from || to ? { ...(from && { from }), ...(to && { to }) } : (preset ?? DEFAULT_VIEW.range),
    ...(grain && { grain }),
    measure: oneOf(MEASURES, params.get('measure')) ?? DEFAULT_VIEW.measure,
    sort: oneOf(MEASURES, params.get('sort')) ?? DEFAULT_VIEW.sort,
    compare: params.get('compare') === 'previous',
    ...(url && { url }),
    ...(q && { q }),
    countries: [...new Set(params.getAll('country'))].filter((country) => country !== ''),
  };
}

/** The query of the address, with its question mark; empty for the default view. */
export function writeAddress(view: View): string {
  const params = new URLSearchParams();
  if (typeof view.range === 'string') {
    if (view.range !== DEFAULT_VIEW.range) params.set('range', view.range);
  } else {
    if (view.range.from) params.set('from', view.range.from);
    if (view.range.to) params.set('to', view.range.to);
  }
  if (view.grain) params.set('grain', view.grain);
  if (view.measure !== DEFAULT_VIEW.measure) params.set('measure', view.measure);
  if (view.sort !== DEFAULT_VIEW.sort) params.set('sort', view.sort);
  if (view.compare) params.set('compare', 'previous');
  if (view.url !== undefined) params.set('url', view.url);
  if (view.q !== undefined) params.set('q', view.q);
  for (const country of view.countries) params.append('country', country);
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** The range's bounds for the server; those by hand letter by letter. */
function rangeParams(view: View, now: number): URLSearchParams {
  const params = new URLSearchParams();
  const { range } = view;
  const bounds = boundsOf(range, now);
  const from = typeof range === 'string' ? bounds.from && isoBound(bounds.from) : range.from;
  const to = typeof range === 'string' ? bounds.to && isoBound(bounds.to) : range.to;
  if (from) params.set('from', from);
  if (to) params.set('to', to);
  if (view.grain) params.set('grain', view.grain);
  return params;
}

function filterParams(view: View, now: number, except?: 'url' | 'country'): URLSearchParams {
  const params = rangeParams(view, now);
  if (view.url !== undefined && except !== 'url') params.set('url', view.url);
  if (view.q !== undefined) params.set('q', view.q);
  if (except !== 'country') for (const country of view.countries) params.append('country', country);
  return params;
}

export function overviewRequest(view: View, now: number): string {
  const params = filterParams(view, now);
  const { from, to } = boundsOf(view.range, now);
  if (view.compare && from !== undefined && to !== undefined) params.set('compare', 'previous');
  return `api/overview?${params.toString()}`;
}

/** A list is not narrowed by what was chosen in it: the others stay there to be chosen. */
export function topRequest(view: View, by: 'url' | 'country', limit: number, now: number): string {
  const params = filterParams(view, now, by);
  params.set('by', by);
  params.set('sort', view.sort);
  params.set('limit', String(limit));
  return `api/top?${params.toString()}`;
}

/** Where the figures shown can be had as a file; `grain` is the one that the answer names. */
export function exportAddress(view: View, now: number, grain: SeriesGrain): string {
  const params = filterParams(view, now);
  params.set('grain', grain);
  params.set('format', 'csv');
  return `api/figures?${params.toString()}`;
}
