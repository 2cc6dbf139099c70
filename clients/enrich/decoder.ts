import { createHash } from 'node:crypto';
import type { Config } from '../../domain/config/config.js';
import { createDecoder, type Decoder } from '../../domain/event/decoder.js';
import { openEnrichers } from './index.js';

/**
 * The decoder of a configuration with what it enriches from: one for workers, for `try` and for replays.
 * @param visitorKey Key of `$visitor`; at least 16 bytes.
 */
export async function openDecoder(config: Config, visitorKey: Uint8Array): Promise<Decoder> {
  const enrichers = await openEnrichers(config, visitorKey);
  return createDecoder(config, enrichers, (bytes) => createHash('sha256').update(bytes).digest());
}
