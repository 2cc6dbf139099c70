import { errors, type Client, type estypes } from '@elastic/elasticsearch';
import { readAlias, type Grain } from '../../domain/names.js';
import type { WindowSums } from '../../domain/inStep.js';
import { mapEsError } from './errors.js';
import { abortable } from './retry.js';

/** Windows of one answer: a page of 10,000 hours is more than a year. */
const PAGE = 10_000;

interface Windows {
  readonly windows: {
    readonly after_key?: Record<string, estypes.FieldValue>;
    readonly buckets: readonly {
      readonly key: { readonly start: number | null };
      readonly doc_count: number;
      readonly clicks: estypes.AggregationsSumAggregate;
      readonly versions: estypes.AggregationsSumAggregate;
    }[];
  };
}

/**
 * The documents of a grain by window, in no order that matters; undefined when the grain has no index. Adds up inside
 * Elasticsearch: no document travels. Rejects with what `mapEsError` makes of an error.
 */
export async function windowsOfDocuments(
  client: Client,
  name: string,
  grain: Grain,
  signal?: AbortSignal,
): Promise<WindowSums[] | undefined> {
  const found: WindowSums[] = [];
  try {
    for (let after: Record<string, estypes.FieldValue> | undefined; ;) {
      const { aggregations } = await client.search<unknown, Windows>(
        {
          index: readAlias(name, grain),
          size: 0,
          aggs: {
            windows: {
              composite: {
                size: PAGE,
                sources: [{ start: { terms: { field: 'window_start', missing_bucket: true } } }],
                ...(after && { after }),
              },
              aggs: { clicks: { sum: { field: 'click_count' } }, versions: { sum: { field: 'version' } } },
            },
          },
        },
        abortable(signal),
      );
      const buckets = aggregations?.windows.buckets ?? [];
      for (const bucket of buckets)
        found.push({
          start: bucket.key.start,
          count: bucket.doc_count,
          clicks: Number(bucket.clicks.value ?? 0),
          versions: Number(bucket.versions.value ?? 0),
        });
      after = aggregations?.windows.after_key;
      if (after === undefined || buckets.length < PAGE) return found;
    }
  } catch (e) {
    signal?.throwIfAborted();
    if (e instanceof errors.ResponseError && e.statusCode === 404) return undefined;
    throw mapEsError(e);
  }
}
