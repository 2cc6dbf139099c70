/** The corpus's rows through the decoder, with the enrichments that workers use. */
import { openDecoder as openWorkersDecoder } from '../../clients/enrich/decoder.js';
import type { Config } from '../../domain/config/config.js';
import { parseConfig } from '../../domain/config/parse.js';
import type { Decoded, Value } from '../../domain/event/types.js';
import { FAMILIES } from '../../domain/names.js';
import { corpusYaml } from './mapping.js';
import { SENT_MS, type PoisonRow } from './poison.js';

/** Of `$visitor`; workers under test get the same. */
export const VISITOR_KEY = 'a key for tests alone';

export const corpusConfig = parseConfig(corpusYaml({ name: 'poison', topics: ['poison'] }), 'poison.yaml');

export type DecodeRow = (
  row: Pick<PoisonRow, 'key' | 'timestampMs' | 'appendTime'>,
  value: Uint8Array | null,
) => Decoded;

export async function openDecoder(config: Config = corpusConfig): Promise<DecodeRow> {
  const decode = await openWorkersDecoder(config, Buffer.from(VISITOR_KEY));
  return ({ key = null, timestampMs = SENT_MS, appendTime = false }, value) =>
    decode(
      { partition: 1, offset: 17n, timestampMs: appendTime ? SENT_MS : timestampMs, key, value },
      { sourceId: 3, topic: 'poison' },
    );
}

/** A row's values by `family.column`, and `event_time`. */
export function valuesOf(
  decoded: Decoded & { kind: 'row' },
  config: Config = corpusConfig,
): Record<string, Value> {
  const { families, eventTimeUs } = decoded.row;
  const columns = FAMILIES.flatMap((family) =>
    config.families[family].map(({ name }, i) => [`${family}.${name}`, families[family][i] ?? null] as const),
  );
  return { event_time: eventTimeUs, ...Object.fromEntries(columns) };
}
