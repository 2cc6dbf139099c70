import { errors, type Client } from '@elastic/elasticsearch';
import { ServerRefused, ServerUnavailable } from '../../domain/errors.js';
import type { Change, Rejected } from '../../domain/figure.js';
import { writeAlias } from '../../domain/names.js';
import { bulkLines } from './document.js';
import { IndexGone, isBlock, isPassing, mapEsError, refusalOf, type ErrorCause } from './errors.js';
import type { GrainIndex } from './indices.js';
import { abortable, pause, type Patience } from './retry.js';

/** Elasticsearch's own advice is 5 to 15 MB a request; small ones keep its heap and a retry cheap. */
const CHUNK_BYTES = 5 * 1024 * 1024;
export const CHUNK_CHANGES = 2_500;
/** Requests under way at once. One hides the other's network time; more only fill the server's queue. */
export const LANES = 2;

/** Of each item, what is read here: most of an answer of thousands would be thrown away. */
const ANSWER = ['_index', 'status', 'error.type', 'error.reason', 'error.caused_by']
  .map((field) => `items.*.${field}`)
  .join(',');

/** What became of the changes; each is in exactly one of the four. */
export interface Sent {
  readonly indexed: number;
  readonly deleted: number;
  /** A version as new or newer was there already. */
  readonly stale: number;
  /** Refused for what they are; sending them again as they are cannot help. */
  readonly rejected: readonly Rejected[];
}

export interface BulkOptions extends Patience {
  readonly chunkBytes?: number;
  /** Requests under way at once; default 2. */
  readonly lanes?: number;
  /** Called after every answer to a request. */
  readonly onProgress?: () => void;
}

interface Item {
  /** The index itself, whatever it was called by. */
  readonly _index: string;
  readonly status: number;
  readonly error?: ErrorCause;
}
/** What a change comes to; the change itself may go, so that what waits for an answer is its text and little else. */
interface Line {
  readonly id: string;
  readonly version: string;
  readonly deletes: boolean;
  readonly text: string;
  /** Of the text in UTF-8. */
  readonly bytes: number;
}

function lineOf(change: Change): Line {
  const text = bulkLines(change);
  return {
    id: change.id,
    version: change.version,
    deletes: change.document === undefined,
    text,
    bytes: Buffer.byteLength(text),
  };
}

/** Cuts into requests by bytes and count; a change larger than the bound goes alone. */
function* chunks(lines: readonly Line[], maxBytes: number): Generator<Line[]> {
  let chunk: Line[] = [];
  let bytes = 0;
  for (const line of lines) {
    if (chunk.length > 0 && (bytes + line.bytes > maxBytes || chunk.length === CHUNK_CHANGES)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(line);
    bytes += line.bytes;
  }
  if (chunk.length > 0) yield chunk;
}

class Sending {
  indexed = 0;
  deleted = 0;
  stale = 0;
  readonly rejected: Rejected[] = [];
  /** To be sent again, with the last reason why. */
  again: Line[] = [];
  reason = '';

  private readonly alias: string;

  constructor(
    private readonly client: Client,
    private readonly index: string,
    private readonly options: BulkOptions,
  ) {
    this.alias = writeAlias(index);
  }

  /** Sends one request and files each answer; a request that was too large is sent in halves. */
  async send(lines: readonly Line[]): Promise<void> {
    let items: readonly Partial<Record<'index' | 'delete', Item>>[];
    try {
      const response = await this.client.transport.request<{ items: typeof items }>(
        {
          method: 'POST',
          path: `/${this.alias}/_bulk`,
          querystring: { require_alias: true, filter_path: ANSWER },
          bulkBody: Buffer.from(lines.map((line) => line.text).join('')),
        },
        abortable(this.options.signal),
      );
      items = response.items;
    } catch (e) {
      await this.failed(lines, e);
      return;
    }
    if (items.length !== lines.length) {
      throw new Error(`Elasticsearch answered ${items.length} items to a bulk of ${lines.length}`);
    }
    lines.forEach((line, i) => {
      const item = items[i]?.index ?? items[i]?.delete;
      if (item === undefined)
        throw new Error('Elasticsearch answered an item that is neither index nor delete');
      this.file(line, item);
    });
    this.options.onProgress?.();
  }

  private async failed(lines: readonly Line[], e: unknown): Promise<void> {
    this.options.signal?.throwIfAborted();
    if (e instanceof errors.ResponseError && e.statusCode === 413) {
      if (lines.length > 1) {
        const half = lines.length >> 1;
        await this.send(lines.slice(0, half));
        await this.send(lines.slice(half));
      } else {
        for (const line of lines)
          this.reject(line, { status: 413, error: { reason: 'request entity too large' } });
      }
      return;
    }
    if (e instanceof errors.ResponseError && e.statusCode === 404) throw new IndexGone(this.alias);
    const error = mapEsError(e);
    if (!(error instanceof ServerUnavailable)) throw error;
    this.again.push(...lines);
    this.reason = error.message;
  }

  private file(line: Line, item: Item): void {
    const { status, error } = item;
    // An alias that somebody moved takes everything without a word, and none of it is where it is searched.
    if ((error === undefined || status === 409) && item._index !== this.index)
      throw new IndexGone(this.alias);
    if (error === undefined) {
      // A delete of what is not there answers 404 without an error: its version is noted all the same.
      if (line.deletes) this.deleted += 1;
      else this.indexed += 1;
    } else if (status === 409) {
      this.stale += 1;
    } else if (isPassing(status) || isBlock(error)) {
      this.again.push(line);
      this.reason = `Elasticsearch answered ${status}: ${error.type ?? ''}: ${error.reason ?? ''}`;
    } else if (status === 404) {
      throw new IndexGone(this.alias);
    } else if (status === 401 || status === 403) {
      throw new ServerRefused('Elasticsearch', `writing to ${this.alias}: ${status}: ${error.reason ?? ''}`);
    } else {
      this.reject(line, item);
    }
  }

  private reject(line: Line, { status, error }: Pick<Item, 'status' | 'error'>): void {
    const reason = refusalOf(error ?? {});
    this.rejected.push({ id: line.id, version: line.version, status, reason });
  }
}

/**
 * Sends the changes through the index's write alias until each has an answer from that index. What cannot be taken now
 * (overload, write block, no connection) is sent again with growing, jittered pauses for as long as
 * `patienceMs` passes without any success, then `ServerUnavailable` with the last reason. Also rejects with
 * `IndexGone`, `ServerRefused` (401, 403), or the signal's reason. Changes already taken stay taken: sending
 * them again counts them as stale.
 */
export function sendChanges(
  client: Client,
  { index }: Pick<GrainIndex, 'index'>,
  changes: readonly Change[],
  options: BulkOptions,
): Promise<Sent> {
  const lines = changes.map(lineOf);
  return sendLines(new Sending(client, index, options), lines, options);
}

async function sendLines(sending: Sending, lines: readonly Line[], options: BulkOptions): Promise<Sent> {
  let waiting = lines;
  let deadline = Date.now() + options.patienceMs;
  for (let attempt = 0; waiting.length > 0;) {
    sending.again = [];
    const queue = chunks(waiting, options.chunkBytes ?? CHUNK_BYTES);
    const lane = async (): Promise<void> => {
      for (const chunk of queue) await sending.send(chunk);
    };
    // Both lanes end before an error is thrown on: no request is left running behind the caller's back.
    const lanes = await Promise.allSettled(Array.from({ length: options.lanes ?? LANES }, lane));
    const failure = lanes.find((one) => one.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    if (sending.again.length < waiting.length) {
      deadline = Date.now() + options.patienceMs;
      attempt = 0;
    } else if (Date.now() >= deadline) {
      throw new ServerUnavailable('Elasticsearch', sending.reason);
    }
    waiting = sending.again;
    if (waiting.length > 0) await pause(attempt++, options.signal);
  }
  const { indexed, deleted, stale, rejected } = sending;
  return { indexed, deleted, stale, rejected };
}
