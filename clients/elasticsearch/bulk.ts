import { errors, type Client } from '@elastic/elasticsearch';
import { ServerRefused, ServerUnavailable } from '../../domain/errors.js';
import type { Rejected } from '../../domain/figure.js';
import { writeAlias } from '../../domain/names.js';
import { BulkBody } from './bulkBody.js';
import { IndexGone, isBlock, isPassing, mapEsError, refusalOf, type ErrorCause } from './errors.js';
import type { GrainIndex } from './indices.js';
import { abortable, pause, type Patience } from './retry.js';

/** Elasticsearch's own advice is 5 to 15 MB a request; small ones keep its heap and a retry cheap. */
const REQUEST_BYTES = 5 * 1024 * 1024;
export const REQUEST_FIGURES = 2_500;

/** Of each item, what is read here: most of an answer of thousands would be thrown away. */
const ANSWER = ['_index', 'status', 'error.type', 'error.reason', 'error.caused_by']
  .map((field) => `items.*.${field}`)
  .join(',');

/** What became of the figures; each is in exactly one of the four. */
export interface Sent {
  readonly indexed: number;
  readonly deleted: number;
  /** A version as new or newer was there already. */
  readonly stale: number;
  /** Refused for what they are; sending them again as they are cannot help. */
  readonly rejected: readonly Rejected[];
}

export interface BulkOptions extends Patience {
  /** Of one request; default 5 MB. */
  readonly requestBytes?: number;
}

interface Item {
  /** The index itself, whatever it was called by. */
  readonly _index: string;
  readonly status: number;
  readonly error?: ErrorCause;
}

class Sending {
  indexed = 0;
  deleted = 0;
  stale = 0;
  readonly rejected: Rejected[] = [];
  /** To be sent again, with the last reason why. */
  again = new BulkBody();
  reason = '';

  private readonly alias: string;

  constructor(
    private readonly client: Client,
    private readonly index: string,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.alias = writeAlias(index);
  }

  /** Sends some of a body in one request and files each answer; a request that was too large is sent in halves. */
  async send(body: BulkBody, from: number, to: number): Promise<void> {
    let items: readonly Partial<Record<'index' | 'delete', Item>>[];
    try {
      const response = await this.client.transport.request<{ items: typeof items }>(
        {
          method: 'POST',
          path: `/${this.alias}/_bulk`,
          querystring: { require_alias: true, filter_path: ANSWER },
          bulkBody: body.slice(from, to),
        },
        abortable(this.signal),
      );
      items = response.items;
    } catch (e) {
      await this.failed(body, from, to, e);
      return;
    }
    if (items.length !== to - from)
      throw new Error(`Elasticsearch answered ${items.length} items to a bulk of ${to - from}`);
    items.forEach((item, i) => {
      if (item.index !== undefined) this.file(body, from + i, item.index);
      else if (item.delete !== undefined) this.file(body, from + i, item.delete, true);
      else throw new Error('Elasticsearch answered an item that is neither index nor delete');
    });
  }

  private async failed(body: BulkBody, from: number, to: number, e: unknown): Promise<void> {
    this.signal?.throwIfAborted();
    if (e instanceof errors.ResponseError && e.statusCode === 413) {
      if (to - from > 1) {
        const middle = from + ((to - from) >> 1);
        await this.send(body, from, middle);
        await this.send(body, middle, to);
      } else {
        this.reject(body, from, { status: 413, error: { reason: 'request entity too large' } });
      }
      return;
    }
    if (e instanceof errors.ResponseError && e.statusCode === 404) throw new IndexGone(this.alias);
    const error = mapEsError(e);
    if (!(error instanceof ServerUnavailable)) throw error;
    for (let figure = from; figure < to; figure += 1) this.again.addFrom(body, figure);
    this.reason = error.message;
  }

  private file(body: BulkBody, figure: number, item: Item, deletes = false): void {
    const { status, error } = item;
    // An alias that somebody moved takes everything without a word, and none of it is where it is searched.
    if ((error === undefined || status === 409) && item._index !== this.index)
      throw new IndexGone(this.alias);
    if (error === undefined) {
      // A delete of what is not there answers 404 without an error: its version is noted all the same.
      if (deletes) this.deleted += 1;
      else this.indexed += 1;
    } else if (status === 409) {
      this.stale += 1;
    } else if (isPassing(status) || isBlock(error)) {
      this.again.addFrom(body, figure);
      this.reason = `Elasticsearch answered ${status}: ${error.type ?? ''}: ${error.reason ?? ''}`;
    } else if (status === 404) {
      throw new IndexGone(this.alias);
    } else if (status === 401 || status === 403) {
      throw new ServerRefused('Elasticsearch', `writing to ${this.alias}: ${status}: ${error.reason ?? ''}`);
    } else {
      this.reject(body, figure, item);
    }
  }

  private reject(body: BulkBody, figure: number, { status, error }: Pick<Item, 'status' | 'error'>): void {
    this.rejected.push({ ...body.key(figure), status, reason: refusalOf(error ?? {}) });
  }
}

/**
 * Sends the figures of a body through the index's write alias, request by request, until each has an answer from that
 * index. What cannot be taken now (overload, write block, no connection) is sent again with growing, jittered pauses
 * for as long as `patienceMs` passes without any success, then `ServerUnavailable` with the last reason. Also rejects
 * with `IndexGone`, `ServerRefused` (401, 403), or the signal's reason. Figures already taken stay taken: sending
 * them again counts them as stale.
 */
export async function sendBulk(
  client: Client,
  { index }: Pick<GrainIndex, 'index'>,
  body: BulkBody,
  { signal, patienceMs, requestBytes = REQUEST_BYTES }: BulkOptions,
): Promise<Sent> {
  const sending = new Sending(client, index, signal);
  let waiting = body;
  let deadline = Date.now() + patienceMs;
  for (let attempt = 0; waiting.count > 0;) {
    sending.again = new BulkBody();
    for (const { from, to } of waiting.requests(requestBytes, REQUEST_FIGURES))
      await sending.send(waiting, from, to);
    if (sending.again.count < waiting.count) {
      deadline = Date.now() + patienceMs;
      attempt = 0;
    } else if (Date.now() >= deadline) {
      throw new ServerUnavailable('Elasticsearch', sending.reason);
    }
    waiting = sending.again;
    if (waiting.count > 0) await pause(attempt++, signal);
  }
  const { indexed, deleted, stale, rejected } = sending;
  return { indexed, deleted, stale, rejected };
}
