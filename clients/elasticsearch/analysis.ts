import { errors, type Client, type estypes } from '@elastic/elasticsearch';
import { readAlias, type Grain } from '../../domain/names.js';
import { mapEsError, SearchTooSlow } from './errors.js';
import { abortable } from './retry.js';
import { figureFilter, type FigureFilter } from './query.js';

/** What lists can be sorted by: figures that many documents have together. */
export const MEASURES = [
  'click_count',
  'bot_clicks',
  'unique_users',
  'timed_clicks',
  'total_time_spent_ms',
  'avg_time_spent_ms',
] as const;
export type Measure = (typeof MEASURES)[number];

/** Figures of many documents in one; a sum beyond 2^53 is a string of its digits. */
export interface Sums {
  readonly click_count: number | string;
  readonly bot_clicks: number | string;
  readonly unique_users: number | string;
  /** Of several documents a person may have part in more than one: the sum is an upper bound. */
  readonly unique_users_kind: 'exact' | 'estimate' | 'at_most';
  readonly timed_clicks: number | string;
  readonly total_time_spent_ms: number | string;
  readonly avg_time_spent_ms: number | null;
}

export interface WindowSums extends Sums {
  /** ISO. */
  readonly window_start: string;
}

export interface TopRow extends Sums {
  readonly key: string;
}

/** One search's time, ms; people do not wait longer for a page. */
const LONGEST = 10_000;
/** One document or more: that is all that tells an exact figure from a sum. */
const COUNTED = 2;
/** Windows of one series at most, as many as Elasticsearch makes buckets of at once. */
const MOST_WINDOWS = 10_000;

interface Bucket {
  readonly doc_count: number;
  readonly clicks: estypes.AggregationsSumAggregate;
  readonly bots: estypes.AggregationsSumAggregate;
  readonly users: estypes.AggregationsSumAggregate;
  readonly timed: estypes.AggregationsSumAggregate;
  readonly time: estypes.AggregationsSumAggregate;
  readonly estimated: { readonly doc_count: number };
}

const SUMS = {
  clicks: { sum: { field: 'click_count' } },
  bots: { sum: { field: 'bot_clicks' } },
  users: { sum: { field: 'unique_users' } },
  timed: { sum: { field: 'timed_clicks' } },
  time: { sum: { field: 'total_time_spent_ms' } },
  estimated: { filter: { term: { unique_users_exact: false } } },
} as const;

function whole(sum: estypes.AggregationsSumAggregate): number | string {
  const value = Math.round(Number(sum.value ?? 0));
  return Number.isSafeInteger(value) ? value : BigInt(value).toString();
}

function sumsOf(bucket: Bucket): Sums {
  const timed = Number(bucket.timed.value ?? 0);
  return {
    click_count: whole(bucket.clicks),
    bot_clicks: whole(bucket.bots),
    unique_users: whole(bucket.users),
    unique_users_kind:
      bucket.doc_count > 1 ? 'at_most' : bucket.estimated.doc_count > 0 ? 'estimate' : 'exact',
    timed_clicks: whole(bucket.timed),
    total_time_spent_ms: whole(bucket.time),
    avg_time_spent_ms: timed === 0 ? null : Number(bucket.time.value ?? 0) / timed,
  };
}

const NOTHING: Bucket = {
  doc_count: 0,
  clicks: { value: 0 },
  bots: { value: 0 },
  users: { value: 0 },
  timed: { value: 0 },
  time: { value: 0 },
  estimated: { doc_count: 0 },
};

/**
 * The aggregations over the figures that the filter lets through; undefined while the grain has no index.
 * Rejects with `SearchTooSlow`, else with what `mapEsError` makes of an error.
 */
async function aggregate<T>(
  client: Client,
  name: string,
  filter: FigureFilter,
  aggregations: Record<string, estypes.AggregationsAggregationContainer>,
  signal: AbortSignal | undefined,
): Promise<{ readonly documents: number; readonly answer: T } | undefined> {
  try {
    const {
      hits,
      aggregations: answer,
      timed_out,
    } = await client.search<unknown, T>(
      {
        index: readAlias(name, filter.grain),
        query: figureFilter(filter),
        size: 0,
        track_total_hits: COUNTED,
        timeout: `${LONGEST}ms`,
        aggs: aggregations,
      },
      // A node that does not even keep its own time counts as one that does not answer.
      { ...abortable(signal), requestTimeout: LONGEST + 2_000 },
    );
    if (timed_out) throw new SearchTooSlow(LONGEST);
    if (answer === undefined) return undefined;
    const { total } = hits;
    return { documents: typeof total === 'object' ? total.value : (total ?? 0), answer };
  } catch (e) {
    signal?.throwIfAborted();
    // Not `ignore_unavailable`: by it an index that the key may not read would pass for one that is not there.
    if (e instanceof errors.ResponseError && e.statusCode === 404) return undefined;
    throw mapEsError(e);
  }
}

/** All of them in one. */
export async function sumOver(
  client: Client,
  name: string,
  filter: FigureFilter,
  signal?: AbortSignal,
): Promise<Sums> {
  const found = await aggregate<Omit<Bucket, 'doc_count'>>(client, name, filter, SUMS, signal);
  return sumsOf(found === undefined ? NOTHING : { ...found.answer, doc_count: found.documents });
}

/** Per window of the grain, those without figures left out, in order. Not for the total. */
export async function seriesOf(
  client: Client,
  name: string,
  filter: FigureFilter & { readonly grain: Exclude<Grain, 'total'> },
  signal?: AbortSignal,
): Promise<WindowSums[]> {
  const found = await aggregate<{ windows: { buckets: (Bucket & { key: number })[] } }>(
    client,
    name,
    filter,
    {
      windows: {
        terms: { field: 'window_start', size: MOST_WINDOWS, order: { _key: 'asc' } },
        aggs: SUMS,
      },
    },
    signal,
  );
  return (found?.answer.windows.buckets ?? []).map((bucket) => ({
    window_start: new Date(bucket.key).toISOString(),
    ...sumsOf(bucket),
  }));
}

/** The first and the last window with figures, in ms since 1970. */
export async function windowsOf(
  client: Client,
  name: string,
  filter: FigureFilter,
  signal?: AbortSignal,
): Promise<{ readonly first: number; readonly last: number } | undefined> {
  const found = await aggregate<{ first: { value: number | null }; last: { value: number | null } }>(
    client,
    name,
    filter,
    { first: { min: { field: 'window_start' } }, last: { max: { field: 'window_start' } } },
    signal,
  );
  const [first, last] = [found?.answer.first.value ?? null, found?.answer.last.value ?? null];
  return first === null || last === null ? undefined : { first, last };
}

const BUCKET_OF: Readonly<Record<Measure, string>> = {
  click_count: 'clicks',
  bot_clicks: 'bots',
  unique_users: 'users',
  timed_clicks: 'timed',
  total_time_spent_ms: 'time',
  avg_time_spent_ms: 'average',
};

/**
 * 1 where time is known for a click, else 0: every document of a grain has the same one. Elasticsearch has the average
 * of nothing before all others.
 */
const TIMED = {
  filter: { range: { timed_clicks: { gt: 0 } } },
  aggs: { any: { cardinality: { field: 'grain', precision_threshold: 1 } } },
} as const;

export interface TopQuestion {
  readonly by: 'url' | 'country';
  readonly sort: Measure;
  /** Rows at most. */
  readonly limit: number;
}

/**
 * The URLs or countries with the highest figures; equal ones in their own order, and those without the figure last.
 * URLs too long to sort by are left out.
 */
export async function topOf(
  client: Client,
  name: string,
  filter: FigureFilter,
  { by, sort, limit }: TopQuestion,
  signal?: AbortSignal,
): Promise<{ readonly rows: TopRow[]; readonly more: boolean }> {
  const average = {
    weighted_avg: { value: { field: 'avg_time_spent_ms' }, weight: { field: 'timed_clicks' } },
  };
  const isAverage = sort === 'avg_time_spent_ms';
  const found = await aggregate<{ keys: { buckets: (Bucket & { key: string })[] } }>(
    client,
    name,
    filter,
    {
      keys: {
        terms: {
          field: by,
          size: limit + 1,
          order: [
            ...(isAverage ? [{ 'timed_any>any': 'desc' as const }] : []),
            { [BUCKET_OF[sort]]: 'desc' },
            { _key: 'asc' },
          ],
        },
        aggs: { ...SUMS, ...(isAverage && { average, timed_any: TIMED }) },
      },
    },
    signal,
  );
  const buckets = found?.answer.keys.buckets ?? [];
  return {
    rows: buckets.slice(0, limit).map((bucket) => ({ key: bucket.key, ...sumsOf(bucket) })),
    more: buckets.length > limit,
  };
}
