import { errors, type Client, type estypes } from '@elastic/elasticsearch';
import { readAlias, type Grain } from '../../domain/names.js';
import { mapEsError } from './errors.js';
import { abortable } from './retry.js';
import { KEYWORD_LENGTH } from './template.js';

/** What figures can be sorted by. */
export const FIGURES = [
  'click_count',
  'bot_clicks',
  'unique_users',
  'timed_clicks',
  'total_time_spent_ms',
  'avg_time_spent_ms',
  'median_time_spent_ms',
  'p90_time_spent_ms',
] as const;
export const SORTABLE = [...FIGURES, 'window_start', 'url', 'country'] as const;
export type Sortable = (typeof SORTABLE)[number];

/** A document as found; an integer that a number may not hold is a string of its digits. */
export interface Figure {
  readonly grain: Grain;
  readonly window_start: string | null;
  readonly url: string;
  readonly country: string;
  readonly click_count: number | string;
  readonly bot_clicks: number | string;
  readonly unique_users: number | string;
  readonly unique_users_exact: boolean;
  readonly timed_clicks: number | string;
  readonly total_time_spent_ms: number | string;
  readonly avg_time_spent_ms: number | null;
  readonly median_time_spent_ms: number | null;
  readonly p90_time_spent_ms: number | null;
  readonly version: number | string;
}

/** Which figures of a grain. */
export interface FigureFilter {
  readonly grain: Grain;
  /** Exact, or the beginning of the URLs wanted. */
  readonly url?: string | { readonly prefix: string };
  /** Words that the URL has all, in any order; of the last one the beginning. */
  readonly words?: string;
  /** Any of them. */
  readonly country?: string | readonly string[];
  /** ISO; inclusive. Totals have no window, so that any bound leaves none of them. */
  readonly from?: string;
  /** ISO; exclusive. */
  readonly to?: string;
}

export interface FigureQuery extends FigureFilter {
  /** Default click_count; figures and times fall, texts rise. Ties go by URL, country and time, rising. */
  readonly sort?: Sortable;
  readonly limit?: number;
}

/** One search's answer; bounded so that a page of the longest indexed URLs stays in the tens of MB. */
const PAGE = 1_000;
const KEEP_ALIVE = '2m';
const TIES: readonly Sortable[] = ['url', 'country', 'window_start'];
const RISING: ReadonlySet<Sortable> = new Set(['url', 'country']);

const wanted = (query: FigureFilter): ((url: string) => boolean) => {
  const { url } = query;
  if (url === undefined) return () => true;
  return typeof url === 'string' ? (found) => found === url : (found) => found.startsWith(url.prefix);
};

/** URLs beyond the keyword's length are found by being ignored there, and then compared letter by letter. */
function urlFilter(url: NonNullable<FigureQuery['url']>): estypes.QueryDslQueryContainer {
  const tooLong = { term: { _ignored: 'url' } };
  if (typeof url === 'string') return url.length <= KEYWORD_LENGTH ? { term: { url } } : tooLong;
  if (url.prefix.length > KEYWORD_LENGTH) return tooLong;
  return { bool: { should: [{ prefix: { url: url.prefix } }, tooLong], minimum_should_match: 1 } };
}

export function figureFilter(query: FigureFilter): estypes.QueryDslQueryContainer {
  const filter: estypes.QueryDslQueryContainer[] = [];
  if (query.url !== undefined) filter.push(urlFilter(query.url));
  if (query.words !== undefined)
    filter.push({ match_bool_prefix: { 'url.words': { query: query.words, operator: 'and' } } });
  if (query.country !== undefined) filter.push({ terms: { country: [query.country].flat() } });
  if (query.from !== undefined || query.to !== undefined) {
    const range = { ...(query.from && { gte: query.from }), ...(query.to && { lt: query.to }) };
    filter.push({ range: { window_start: range } });
  }
  return filter.length === 0 ? { match_all: {} } : { bool: { filter } };
}

export function sortOrder(by: Sortable, grain: Grain): estypes.SortCombinations[] {
  const fields: readonly Sortable[] = [by, ...TIES.filter((field) => field !== by)];
  const sort = fields
    // Totals have no window, and a missing date comes back as a sort value that cannot be sent again.
    .filter((field) => grain !== 'total' || field !== 'window_start')
    .map((field, i) => ({
      [field]: {
        order: i === 0 && !RISING.has(field) ? ('desc' as const) : ('asc' as const),
        missing: '_last',
      },
    }));
  // The last word belongs to the place in the shard: it alone tells two URLs apart that are too long to sort by.
  return [...sort, '_shard_doc'];
}

const isMissing = (e: unknown): boolean => e instanceof errors.ResponseError && e.statusCode === 404;

/**
 * The figures asked for, page by page, out of one unmoving view of the index. Nothing when the grain has no
 * index yet. Rejects with what `mapEsError` makes of an error.
 */
export async function* searchFigures(
  client: Client,
  name: string,
  query: FigureQuery,
  signal?: AbortSignal,
): AsyncGenerator<Figure[]> {
  let pit: string;
  try {
    const index = readAlias(name, query.grain);
    const opened = await client.openPointInTime({ index, keep_alive: KEEP_ALIVE }, abortable(signal));
    pit = opened.id;
  } catch (e) {
    if (isMissing(e)) return;
    throw mapEsError(e);
  }
  try {
    const isWanted = wanted(query);
    let left = query.limit ?? Infinity;
    for (let after: estypes.SortResults | undefined; left > 0;) {
      const { hits, pit_id } = await client.search<Figure>(
        {
          pit: { id: pit, keep_alive: KEEP_ALIVE },
          query: figureFilter(query),
          sort: sortOrder(query.sort ?? 'click_count', query.grain),
          size: Math.min(PAGE, left),
          track_total_hits: false,
          ...(after && { search_after: after }),
        },
        abortable(signal),
      );
      pit = pit_id ?? pit;
      const last = hits.hits.at(-1);
      if (last?.sort === undefined) return;
      after = last.sort;
      const found = hits.hits.flatMap(({ _source }) => (_source && isWanted(_source.url) ? [_source] : []));
      left -= found.length;
      if (found.length > 0) yield found;
    }
  } catch (e) {
    signal?.throwIfAborted();
    throw mapEsError(e);
  } finally {
    // It would expire by itself; an error here must not hide the one before it.
    await client.closePointInTime({ id: pit }).catch(() => undefined);
  }
}

/** The sum of `click_count` over a grain's documents; undefined when the grain has no index. */
export async function clicksInDocuments(
  client: Client,
  name: string,
  grain: Grain,
  signal?: AbortSignal,
): Promise<number | undefined> {
  try {
    const { aggregations } = await client.search<unknown, { clicks: estypes.AggregationsSumAggregate }>(
      { index: readAlias(name, grain), size: 0, aggs: { clicks: { sum: { field: 'click_count' } } } },
      abortable(signal),
    );
    return Number(aggregations?.clicks.value ?? 0);
  } catch (e) {
    if (isMissing(e)) return undefined;
    throw mapEsError(e);
  }
}
