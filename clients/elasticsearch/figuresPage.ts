import { errors, type Client, type estypes } from '@elastic/elasticsearch';
import { readAlias } from '../../domain/names.js';
import { mapEsError } from './errors.js';
import { abortable } from './retry.js';
import { figureFilter, sortOrder, type Figure, type FigureQuery } from './search.js';

/** How long a cursor is good for, from one page to the next. */
const KEEP_ALIVE = '2m';

/** The view that a cursor stands in is no longer kept, or never was. */
export class CursorExpired extends Error {
  constructor() {
    super('the cursor expired: start again without `after`');
    this.name = 'CursorExpired';
  }
}

export interface FiguresPage {
  readonly rows: readonly Figure[];
  /** Where the next page begins, good for two minutes; null: there is none. */
  readonly next: string | null;
}

interface Place {
  readonly pit: string;
  readonly after: estypes.SortResults;
}

const write = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url');

function read(cursor: string): Place {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (typeof place === 'object' && place !== null && 'pit' in place && 'after' in place)
      if (typeof place.pit === 'string' && Array.isArray(place.after)) return place as Place;
  } catch {
    // What is no cursor of ours is treated as one that is too old.
  }
  throw new CursorExpired();
}

async function openView(client: Client, index: string, signal: AbortSignal | undefined): Promise<string> {
  const { id } = await client.openPointInTime({ index, keep_alive: KEEP_ALIVE }, abortable(signal));
  return id;
}

const isMissing = (e: unknown): boolean => e instanceof errors.ResponseError && e.statusCode === 404;

/**
 * One page of the figures asked for, and the cursor of the next; all pages of one reading are of one moment.
 * Rejects with `CursorExpired`, else with what `mapEsError` makes of an error.
 * @param query Its limit is the page's length, and its URL must be one that the index can compare.
 */
export async function figuresPage(
  client: Client,
  name: string,
  query: FigureQuery & { readonly limit: number },
  cursor?: string,
  signal?: AbortSignal,
): Promise<FiguresPage> {
  const place = cursor === undefined ? undefined : read(cursor);
  try {
    const pit = place?.pit ?? (await openView(client, readAlias(name, query.grain), signal));
    const { hits, pit_id } = await client.search<Figure>(
      {
        pit: { id: pit, keep_alive: KEEP_ALIVE },
        query: figureFilter(query),
        sort: sortOrder(query.sort ?? 'click_count', query.grain),
        size: query.limit,
        track_total_hits: false,
        ...(place && { search_after: place.after }),
      },
      abortable(signal),
    );
    const rows = hits.hits.flatMap(({ _source }) => _source ?? []);
    const after = hits.hits.at(-1)?.sort;
    if (after !== undefined && rows.length === query.limit)
      return { rows, next: write({ pit: pit_id ?? pit, after }) };
    await client.closePointInTime({ id: pit_id ?? pit }).catch(() => undefined);
    return { rows, next: null };
  } catch (e) {
    signal?.throwIfAborted();
    if (place !== undefined && e instanceof errors.ResponseError && [400, 404].includes(e.statusCode ?? 0))
      throw new CursorExpired();
    if (place === undefined && isMissing(e)) return { rows: [], next: null };
    throw mapEsError(e);
  }
}
