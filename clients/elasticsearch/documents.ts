import type { Client, estypes } from '@elastic/elasticsearch';
import { mapEsError } from './errors.js';
import { abortable } from './retry.js';

/** A page of the longest indexed URLs stays in the tens of MB. */
const PAGE = 1_000;
const KEEP_ALIVE = '2m';

/** A document as it stands; a value that no figure can have is null. Integers are decimal digits. */
export interface StoredDocument {
  /** The document's id as hex: that of its figure, where runs wrote it. */
  readonly figure_id: string;
  readonly grain: string | null;
  /** ISO. */
  readonly window_start: string | null;
  readonly url: string | null;
  readonly country: string | null;
  readonly click_count: string | null;
  readonly bot_clicks: string | null;
  readonly unique_users: string | null;
  readonly unique_users_exact: boolean | null;
  readonly timed_clicks: string | null;
  readonly total_time_spent_ms: string | null;
  readonly avg_time_spent_ms: number | null;
  readonly median_time_spent_ms: number | null;
  readonly p90_time_spent_ms: number | null;
  readonly version: string | null;
}

type Source = Readonly<Record<string, unknown>>;

const HEX = /^(?:[0-9a-f]{2})+$/;
const INTEGER = /^-?\d{1,19}$/;
/** Years that both PostgreSQL and Elasticsearch write with four digits. */
const ISO_LENGTH = '2026-11-28T00:00:00.000Z'.length;

const text = (value: unknown): string | null =>
  typeof value === 'string' && value.isWellFormed() && !value.includes('\0') ? value : null;
const integer = (value: unknown): string | null => {
  if (Number.isSafeInteger(value)) return String(value);
  return typeof value === 'string' && INTEGER.test(value) ? value : null;
};
const boolean = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null);
const double = (value: unknown): number | null => (typeof value === 'number' ? value : null);

function time(value: unknown): string | null {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN;
  const iso = Number.isNaN(ms) ? '' : new Date(ms).toISOString();
  return iso.length === ISO_LENGTH ? iso : null;
}

function parse(hit: estypes.SearchHit<Source>): StoredDocument {
  const id = hit._id ?? '';
  const { _source: source = {} } = hit;
  return {
    figure_id: HEX.test(id) ? id : Buffer.from(id).toString('hex'),
    grain: text(source['grain']),
    window_start: time(source['window_start']),
    url: text(source['url']),
    country: text(source['country']),
    click_count: integer(source['click_count']),
    bot_clicks: integer(source['bot_clicks']),
    unique_users: integer(source['unique_users']),
    unique_users_exact: boolean(source['unique_users_exact']),
    timed_clicks: integer(source['timed_clicks']),
    total_time_spent_ms: integer(source['total_time_spent_ms']),
    avg_time_spent_ms: double(source['avg_time_spent_ms']),
    median_time_spent_ms: double(source['median_time_spent_ms']),
    p90_time_spent_ms: double(source['p90_time_spent_ms']),
    version: integer(source['version']),
  };
}

/**
 * Every document of an index, page by page, out of one unmoving view and in no order, which costs Elasticsearch no
 * sorting. Refreshes first: what was written a moment ago is seen. Rejects with what `mapEsError` makes of an error.
 */
export async function* allDocuments(
  client: Client,
  index: string,
  signal: AbortSignal,
): AsyncGenerator<StoredDocument[]> {
  let pit: string | undefined;
  try {
    await client.indices.refresh({ index }, abortable(signal));
    const opened = await client.openPointInTime({ index, keep_alive: KEEP_ALIVE }, abortable(signal));
    pit = opened.id;
    for (let after: estypes.SortResults | undefined; ;) {
      const found: estypes.SearchResponse<Source> = await client.search<Source>(
        {
          pit: { id: pit, keep_alive: KEEP_ALIVE },
          sort: ['_shard_doc'],
          size: PAGE,
          track_total_hits: false,
          ...(after && { search_after: after }),
        },
        abortable(signal),
      );
      pit = found.pit_id ?? pit;
      after = found.hits.hits.at(-1)?.sort;
      if (after === undefined) return;
      yield found.hits.hits.map(parse);
    }
  } catch (e) {
    signal.throwIfAborted();
    throw mapEsError(e);
  } finally {
    // It would expire by itself; an error here must not hide the one before it.
    if (pit !== undefined) await client.closePointInTime({ id: pit }).catch(() => undefined);
  }
}
