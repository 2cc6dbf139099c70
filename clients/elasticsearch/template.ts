import type { Client, estypes } from '@elastic/elasticsearch';
import { GRAINS, indexTemplate, readAlias } from '../../domain/names.js';
import { abortable } from './retry.js';

/**
 * Texts longer than this (in UTF-16 units) are not in the keyword but only in `url.words` and the source:
 * a term has at most 32,766 bytes, and a unit at most 4 of them.
 */
export const KEYWORD_LENGTH = 8191;

const long = { type: 'long' } as const;
const double = { type: 'double' } as const;
const keyword = { type: 'keyword' } as const;

/** A document's fields. Strict: a field that nobody planned is a mistake, not a new column. */
export const MAPPINGS: estypes.MappingTypeMapping = {
  dynamic: 'strict',
  properties: {
    grain: keyword,
    window_start: { type: 'date' },
    url: {
      type: 'keyword',
      ignore_above: KEYWORD_LENGTH,
      fields: { words: { type: 'text', analyzer: 'standard' } },
    },
    // Whatever the events call a country is one.
    country: { type: 'keyword', ignore_above: KEYWORD_LENGTH },
    click_count: long,
    bot_clicks: long,
    unique_users: long,
    unique_users_exact: { type: 'boolean' },
    timed_clicks: long,
    total_time_spent_ms: long,
    avg_time_spent_ms: double,
    median_time_spent_ms: double,
    p90_time_spent_ms: double,
    version: long,
  },
};

/**
 * Sets the installation's index template. Priority 500 wins over the built-in `metrics-*-*` and `logs-*-*`
 * (100), which an installation named `metrics` would meet.
 */
export async function ensureTemplate(client: Client, name: string, signal?: AbortSignal): Promise<void> {
  await client.indices.putIndexTemplate(
    {
      name: indexTemplate(name),
      index_patterns: GRAINS.map((grain) => `${readAlias(name, grain)}-*`),
      priority: 500,
      // A versioned delete creates the index that it misses, even under the name of a lost write alias.
      allow_auto_create: false,
      template: {
        settings: {
          number_of_shards: 1,
          auto_expand_replicas: '0-1',
          // A delete's version is forgotten after this; a zombie's older write must not outlive it.
          gc_deletes: '24h',
        },
        mappings: MAPPINGS,
      },
    },
    abortable(signal),
  );
}
