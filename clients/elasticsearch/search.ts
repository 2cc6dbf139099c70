import { errors, type Client, type estypes } from '@elastic/elasticsearch';
import { readAlias, type Grain } from '../../domain/names.js';
import { mapEsError } from './errors.js';
import type { Figure, FigureFilter, FigureQuery } from './query.js';
import { abortable } from './retry.js';
import { closeView, holdView, openView, readPage, type Page } from './view.js';

/** Figures in one search's answer. */
const PAGE = 1_000;

const wanted = (query: FigureFilter): ((url: string) => boolean) => {
  const { url } = query;
  if (url === undefined) return () => true;
  return typeof url === 'string' ? (found) => found === url : (found) => found.startsWith(url.prefix);
};

export interface Reading {
  readonly signal?: AbortSignal;
  /** How often a reader that is slow keeps its view from expiring, ms; default 30 s. */
  readonly holdEveryMs?: number;
}

/**
 * The figures asked for, page by page, out of one unmoving view of the index, as slowly as the reader likes.
 * Nothing when the grain has no index yet. Rejects with `CursorExpired` where the view is gone, else with what
 * `mapEsError` makes of an error.
 */
export async function* searchFigures(
  client: Client,
  name: string,
  query: FigureQuery,
  { signal, holdEveryMs }: Reading = {},
): AsyncGenerator<Figure[]> {
  let place = await openView(client, readAlias(name, query.grain), signal);
  if (place === undefined) return;
  try {
    const isWanted = wanted(query);
    let left = query.limit ?? Infinity;
    for (let size = PAGE; left > 0;) {
      const page: Page = await readPage(client, query, place, Math.min(size, left), signal);
      if (page.figures.length === 0) return;
      place = page.place;
      // Where figures are large the next page is not tried at full length again.
      size = Math.min(PAGE, page.size * 2);
      const found = page.figures.filter(({ url }) => isWanted(url));
      left -= found.length;
      if (found.length === 0) continue;
      const release = holdView(client, place, holdEveryMs);
      try {
        yield found;
      } finally {
        release();
      }
    }
  } finally {
    await closeView(client, place);
  }
}

const isMissing = (e: unknown): boolean => e instanceof errors.ResponseError && e.statusCode === 404;

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
