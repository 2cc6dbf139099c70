import type { estypes } from '@elastic/elasticsearch';
import type { Grain } from '../../domain/names.js';
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
export const SORT_ORDERS = ['asc', 'desc'] as const;
export type SortOrder = (typeof SORT_ORDERS)[number];

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
  /** Default click_count. Ties go by URL, country and time, rising. */
  readonly sort?: Sortable;
  /** Default: figures and times fall, texts rise. What has no value comes last either way. */
  readonly order?: SortOrder;
  readonly limit?: number;
}

const TIES: readonly Sortable[] = ['url', 'country', 'window_start'];
const RISING: ReadonlySet<Sortable> = new Set(['url', 'country']);

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

export function sortOrder({ grain, sort = 'click_count', order }: FigureQuery): estypes.SortCombinations[] {
  const first = order ?? (RISING.has(sort) ? 'asc' : 'desc');
  const fields: readonly Sortable[] = [sort, ...TIES.filter((field) => field !== sort)];
  const fieldsSorted = fields
    // Totals have no window, and a missing date comes back as a sort value that cannot be sent again.
    .filter((field) => grain !== 'total' || field !== 'window_start')
    .map((field) => ({ [field]: { order: field === sort ? first : 'asc', missing: '_last' } }) as const);
  // The last word belongs to the place in the shard: it alone tells two URLs apart that are too long to sort by.
  return [...fieldsSorted, '_shard_doc'];
}
