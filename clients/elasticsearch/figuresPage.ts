import type { Client } from '@elastic/elasticsearch';
import { z } from 'zod';
import { CursorExpired } from '../../domain/errors.js';
import { readAlias } from '../../domain/names.js';
import type { Figure, FigureQuery } from './query.js';
import { closeView, openView, readPage, type Place } from './view.js';

export interface FiguresPage {
  readonly rows: readonly Figure[];
  /** Where the next page begins, good for two minutes; null: there is none. */
  readonly next: string | null;
}

const CURSOR = z.object({
  view: z.string(),
  after: z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

const write = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url');

function read(cursor: string): Place {
  try {
    return CURSOR.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (e) {
    // What is no cursor of ours is treated as one that is too old.
    throw new CursorExpired({ cause: e });
  }
}

/**
 * One page of the figures asked for, and the cursor of the next; all pages of one reading are of one moment.
 * Rejects with `CursorExpired`, else with what `mapEsError` makes of an error.
 * @param query Its limit is the page's length at most, and its URL must be one that the index can compare.
 */
export async function figuresPage(
  client: Client,
  name: string,
  query: FigureQuery & { readonly limit: number },
  cursor?: string,
  signal?: AbortSignal,
): Promise<FiguresPage> {
  const start =
    cursor === undefined ? await openView(client, readAlias(name, query.grain), signal) : read(cursor);
  if (start === undefined) return { rows: [], next: null };
  const { figures: rows, place, size } = await readPage(client, query, start, query.limit, signal);
  if (rows.length === size) return { rows, next: write(place) };
  await closeView(client, place);
  return { rows, next: null };
}
