import { createHash } from 'node:crypto';
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
  question: z.string(),
  view: z.string(),
  after: z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** What all pages of one reading have in common; they may differ in length. */
const questionOf = (query: FigureQuery): string =>
  createHash('sha256')
    .update(JSON.stringify({ ...query, limit: undefined }))
    .digest('base64url')
    .slice(0, 16);

const write = (question: string, place: Place): string =>
  Buffer.from(JSON.stringify({ question, ...place })).toString('base64url');

/** What is no cursor of ours, or one of another question, is treated as one that is too old. */
function read(cursor: string, question: string): Place {
  let place: z.infer<typeof CURSOR>;
  try {
    place = CURSOR.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch (e) {
    throw new CursorExpired({ cause: e });
  }
  if (place.question !== question) throw new CursorExpired();
  return { view: place.view, after: place.after };
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
  const question = questionOf(query);
  const start =
    cursor === undefined
      ? await openView(client, readAlias(name, query.grain), signal)
      : read(cursor, question);
  if (start === undefined) return { rows: [], next: null };
  try {
    const { figures: rows, place, size } = await readPage(client, query, start, query.limit, signal);
    if (rows.length === size) return { rows, next: write(question, place) };
    await closeView(client, place);
    return { rows, next: null };
  } catch (e) {
    // Nobody else knows of a view that was opened here; one that a cursor names can be asked for again.
    if (cursor === undefined) await closeView(client, start);
    throw e;
  }
}
