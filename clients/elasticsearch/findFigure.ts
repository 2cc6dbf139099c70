import { errors, type Client } from '@elastic/elasticsearch';
import { readAlias, type Grain } from '../../domain/names.js';
import { mapEsError } from './errors.js';
import type { Figure } from './query.js';
import { abortable } from './retry.js';

/** The document of a figure, as written last; undefined: there is none, or no index. */
export async function findFigure(
  client: Client,
  name: string,
  grain: Grain,
  id: string,
  signal?: AbortSignal,
): Promise<Figure | undefined> {
  try {
    const { _source } = await client.get<Figure>({ index: readAlias(name, grain), id }, abortable(signal));
    return _source;
  } catch (e) {
    signal?.throwIfAborted();
    if (e instanceof errors.ResponseError && e.statusCode === 404) return undefined;
    throw mapEsError(e);
  }
}
