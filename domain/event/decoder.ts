/**
 * The decoder: one function from a record's bytes to a row or a rejection, compiled once from the mapping.
 */
import type { Config } from '../config/config.js';
import type { Decoder, Enrichers, Hash } from './types.js';

export type { Decoded, Decoder, Enrichers, Hash, KafkaRecord, Reason, Row, Value } from './types.js';
export { REASONS } from './types.js';

/** @param hash SHA-256; handed in because `domain/` imports nothing of Node. */
export function createDecoder(config: Config, enrich: Enrichers, hash: Hash): Decoder {
  throw new Error(`${config.name} ${typeof enrich} ${typeof hash}`);
}
