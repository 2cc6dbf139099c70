/** What the endpoints answer. */
import type { Client } from '@elastic/elasticsearch';
import {
  CSV_HEADER,
  figureCsv,
  figuresPage,
  MEASURES,
  searchFigures,
  seriesOf,
  SORTABLE,
  sumOver,
  topOf,
  windowsOf,
  type FigureQuery,
  type FiguresPage,
} from '../../clients/elasticsearch/index.js';
import { GRAINS } from '../../domain/names.js';
import type { Freshness } from './freshness.js';
import { BadParameter, checkNames, COMMON, count, filterOf, oneOf } from './parameters.js';
import {
  askedGrain,
  boundsOf,
  checkCount,
  checkLength,
  isoBounds,
  previousBounds,
  seriesGrain,
  sumGrain,
} from './windows.js';

const MOST_ROWS = 250;
const FEW_ROWS = 10;
const MOST_FIGURES = 1_000;

/** The index of one installation. */
export interface Index {
  readonly client: Client;
  readonly name: string;
}

/** `GET /api/overview` */
export async function overview(
  { client, name }: Index,
  params: URLSearchParams,
  freshness: () => Promise<Freshness>,
  signal: AbortSignal,
): Promise<object> {
  checkNames(params, [...COMMON, 'compare']);
  const filter = filterOf(params);
  const bounds = boundsOf(params);
  const asked = askedGrain(params, bounds);
  const isCompared = oneOf(params, 'compare', ['previous']) !== undefined;
  const before = isCompared ? previousBounds(bounds) : undefined;
  const isOpen = bounds.from === undefined || bounds.to === undefined;
  const windows =
    asked === undefined && isOpen
      ? await windowsOf(client, name, { grain: 'hour', ...filter, ...isoBounds(bounds) }, signal)
      : undefined;
  const grain = asked ?? seriesGrain(bounds, windows);
  checkLength(bounds, grain);
  const sums = (range: typeof bounds) =>
    sumOver(client, name, { grain: sumGrain(range), ...filter, ...isoBounds(range) }, signal);
  const series = (range: typeof bounds) =>
    seriesOf(client, name, { grain, ...filter, ...isoBounds(range) }, signal);
  const [totals, points, previous, previousPoints, all, fresh] = await Promise.all([
    sums(bounds),
    series(bounds),
    before && sums(before),
    before ? series(before) : [],
    windowsOf(client, name, { grain: 'hour' }, signal),
    freshness(),
  ]);
  // An open range is as long as its data.
  checkCount(points.length, grain);
  const { from = null, to = null } = isoBounds(bounds);
  return {
    name,
    range: {
      from,
      to,
      grain,
      first: points[0]?.window_start ?? null,
      last: points.at(-1)?.window_start ?? null,
    },
    totals,
    previous: previous ?? null,
    previous_range: before ? isoBounds(before) : null,
    series: points,
    previous_series: previousPoints,
    freshness: { last_window: all ? new Date(all.last).toISOString() : null, ...fresh },
  };
}

/** `GET /api/top` */
export async function top(
  { client, name }: Index,
  params: URLSearchParams,
  signal: AbortSignal,
): Promise<object> {
  checkNames(params, [...COMMON, 'by', 'sort', 'limit']);
  const by = oneOf(params, 'by', ['url', 'country']);
  if (by === undefined) throw new BadParameter('by', 'expected url or country, got nothing');
  const sort = oneOf(params, 'sort', MEASURES) ?? 'click_count';
  const limit = count(params, 'limit', MOST_ROWS, FEW_ROWS);
  const bounds = boundsOf(params);
  askedGrain(params, bounds);
  const figures = { grain: sumGrain(bounds), ...filterOf(params), ...isoBounds(bounds) };
  return { by, sort, ...(await topOf(client, name, figures, { by, sort, limit }, signal)) };
}

/** The figures themselves that a request asks for. */
function figuresQuery(params: URLSearchParams): FigureQuery {
  const bounds = boundsOf(params);
  const grain = oneOf(params, 'grain', GRAINS);
  if (grain === undefined)
    throw new BadParameter('grain', `expected one of ${GRAINS.join(', ')}, got nothing`);
  if (grain === 'total' && (bounds.from !== undefined || bounds.to !== undefined))
    throw new BadParameter('grain', 'the total is over all time; choose hour, day or month for a range');
  if (grain !== 'total') askedGrain(params, bounds);
  const sort = oneOf(params, 'sort', SORTABLE) ?? 'click_count';
  return { grain, sort, ...filterOf(params), ...isoBounds(bounds) };
}

const FIGURES = [...COMMON, 'sort', 'limit', 'after', 'format'];

/** `GET /api/figures` */
export async function figures(
  { client, name }: Index,
  params: URLSearchParams,
  signal: AbortSignal,
): Promise<FiguresPage> {
  checkNames(params, FIGURES);
  const limit = count(params, 'limit', MOST_FIGURES, MOST_FIGURES);
  const after = params.get('after') ?? undefined;
  return figuresPage(client, name, { ...figuresQuery(params), limit }, after, signal);
}

/** `GET /api/figures?format=csv`: everything, in pieces; the first comes when the index has answered. */
export async function* figuresCsv(
  { client, name }: Index,
  params: URLSearchParams,
  signal: AbortSignal,
): AsyncGenerator<string> {
  checkNames(params, FIGURES);
  for (const part of ['limit', 'after'])
    if (params.has(part)) throw new BadParameter(part, 'with format=csv there is everything; leave it out');
  let head = `${CSV_HEADER}\n`;
  for await (const page of searchFigures(client, name, figuresQuery(params), { signal })) {
    yield `${head}${page.map(figureCsv).join('\n')}\n`;
    head = '';
  }
  if (head !== '') yield head;
}
