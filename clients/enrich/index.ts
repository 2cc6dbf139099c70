/**
 * `$geoip`, `$ua` and `$visitor`: everything comes from packages on disk, nothing is asked over the network.
 */
import type { Config } from '../../domain/config/config.js';
import { usedEnrichments } from '../../domain/config/uses.js';
import type { Enrichers } from '../../domain/event/types.js';
import { openCountries } from './geoip.js';
import { createAgentParser } from './userAgent.js';
import { createVisitor } from './visitor.js';

/**
 * Opens only what the mapping asks for: the country database takes 16 MB.
 * @param visitorKey Key of `$visitor`; at least 16 bytes.
 */
export async function openEnrichers(config: Config, visitorKey: Uint8Array): Promise<Enrichers> {
  const used = usedEnrichments(config);
  return {
    geoip: used.has('$geoip') ? await openCountries() : () => undefined,
    ua: createAgentParser(),
    visitor: createVisitor(visitorKey),
  };
}
