import { createHash } from 'node:crypto';
import type { Config } from '../../domain/config/config.js';
import { createDecoder, type Decoder } from '../../domain/event/decoder.js';
import { PlainEvent } from '../../domain/event/plain/event.js';
import { openPlainKernel } from '../postgres/plainKernel.js';
import { openEnrichers } from './index.js';

/**
 * The decoder of a configuration with what it enriches from: one for workers, for `try` and for replays.
 * @param visitorKey Key of `$visitor`; at least 16 bytes.
 */
export async function openDecoder(config: Config, visitorKey: Uint8Array): Promise<Decoder> {
  return createDecoder(config, await openEnrichers(config, visitorKey), sha256);
}

/** The decoder, and its short way for those who decode by the million. */
export async function openDecoders(
  config: Config,
  visitorKey: Uint8Array,
): Promise<{ readonly decoder: Decoder; readonly plain: PlainEvent | undefined }> {
  const enrichers = await openEnrichers(config, visitorKey);
  return {
    decoder: createDecoder(config, enrichers, sha256),
    plain: PlainEvent.of(config, enrichers, sha256, openPlainKernel),
  };
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
