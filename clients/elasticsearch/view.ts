/** An unmoving view of one grain's index (a point in time), read page by page. */
import { errors, type Client, type estypes } from '@elastic/elasticsearch';
import { CursorExpired } from '../../domain/errors.js';
import { mapEsError } from './errors.js';
import { abortable } from './retry.js';
import { figureFilter, sortOrder, type Figure, type FigureQuery } from './query.js';

/** How long a view is kept without a request. */
const KEEP_ALIVE_MS = 120_000;
const KEEP_ALIVE = `${KEEP_ALIVE_MS / 1_000}s`;
/** A larger answer is not read but asked for in smaller pages: a single URL may have a megabyte. */
const LARGEST_ANSWER = 16 * 1024 * 1024;

/** Where a reading stands. */
export interface Place {
  /** Elasticsearch's name of the view; it may change with each page. */
  readonly view: string;
  /** Absent: before the first figure. */
  readonly after?: estypes.SortResults;
}

/**
 * What every figure has. A document that lacks one was put there by somebody else: `verify` names it, and nobody could
 * read it as a figure.
 */
const ALWAYS = ['click_count', 'bot_clicks', 'unique_users', 'timed_clicks', 'total_time_spent_ms'];
const COMPLETE = ALWAYS.map((field) => ({ exists: { field } }));

/** Foreign documents may leave out what figures have as null, or as a text. */
const figureOf = (source: Partial<Figure> & Pick<Figure, 'click_count'>): Figure =>
  ({
    ...source,
    window_start: source.window_start ?? null,
    url: source.url ?? '',
    country: source.country ?? '',
    avg_time_spent_ms: source.avg_time_spent_ms ?? null,
    median_time_spent_ms: source.median_time_spent_ms ?? null,
    p90_time_spent_ms: source.p90_time_spent_ms ?? null,
  }) as Figure;

export interface Page {
  readonly figures: readonly Figure[];
  /** Behind the last of them. */
  readonly place: Place;
  /** Figures there can be in a page at most: fewer than were asked for where they are large. */
  readonly size: number;
}

const hasStatus = (e: unknown, ...statuses: readonly number[]): boolean =>
  e instanceof errors.ResponseError && statuses.includes(e.statusCode ?? 0);

/** Undefined: there is no such index. */
export async function openView(
  client: Client,
  index: string,
  signal?: AbortSignal,
): Promise<Place | undefined> {
  try {
    const { id } = await client.openPointInTime({ index, keep_alive: KEEP_ALIVE }, abortable(signal));
    return { view: id };
  } catch (e) {
    signal?.throwIfAborted();
    if (hasStatus(e, 404)) return undefined;
    throw mapEsError(e);
  }
}

/** The next figures, at most `size`; none at the end. Rejects with `CursorExpired`: the view is no longer kept. */
export async function readPage(
  client: Client,
  query: FigureQuery,
  { view, after }: Place,
  size: number,
  signal?: AbortSignal,
): Promise<Page> {
  try {
    const { hits, pit_id } = await client.search<Figure>(
      {
        pit: { id: view, keep_alive: KEEP_ALIVE },
        query: { bool: { filter: [figureFilter(query), ...COMPLETE] } },
        sort: sortOrder(query),
        size,
        track_total_hits: false,
        ...(after && { search_after: after }),
      },
      { ...abortable(signal), maxResponseSize: LARGEST_ANSWER },
    );
    const last = hits.hits.at(-1)?.sort ?? after;
    return {
      figures: hits.hits.flatMap(({ _source }) => (_source ? [figureOf(_source)] : [])),
      place: { view: pit_id ?? view, ...(last && { after: last }) },
      size,
    };
  } catch (e) {
    signal?.throwIfAborted();
    if (e instanceof errors.RequestAbortedError && size > 1)
      return readPage(client, query, { view, ...(after && { after }) }, Math.ceil(size / 8), signal);
    // 400: what is no name of a view; 404: one that is no longer kept, or whose index is gone.
    if (hasStatus(e, 400, 404)) throw new CursorExpired({ cause: e });
    throw mapEsError(e);
  }
}

/** It would expire by itself; an error here must not hide one before it. */
export async function closeView(client: Client, { view }: Place): Promise<void> {
  await client.closePointInTime({ id: view }).catch(() => undefined);
}

/**
 * Keeps a view while its reader is slower than Elasticsearch's patience. A failure shows itself with the next page.
 * @returns what ends it
 */
export function holdView(client: Client, { view }: Place, everyMs = KEEP_ALIVE_MS / 4): () => void {
  const timer = setInterval(() => {
    const pit = { id: view, keep_alive: KEEP_ALIVE };
    client.search({ pit, size: 0, track_total_hits: false }).catch(() => undefined);
  }, everyMs);
  return () => clearInterval(timer);
}
