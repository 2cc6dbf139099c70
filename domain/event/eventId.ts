/** Event ids: a uuid is its 16 bytes, any other id the uuid made from its SHA-256. */
import { toText } from './convert.js';
import type { Rejection } from './rejection.js';
import { checkKeyLength } from './text.js';
import type { Hash } from './types.js';
import { uuidBytes } from './uuid.js';

const encoder = new TextEncoder();

/** Undefined: the event has no id of its own. An empty one is none, or all such events would be one. */
export function ownEventId(value: unknown, hash: Hash): Uint8Array | Rejection | undefined {
  const uuid = typeof value === 'string' ? uuidBytes(value) : undefined;
  if (uuid !== undefined) return uuid;
  const text = toText(value);
  if (typeof text !== 'string') return text;
  if (text === '') return undefined;
  return checkKeyLength(text) ?? hashedUuid(encoder.encode(text), hash);
}

/** The id of an event that has none. The NUL in front keeps it apart from every id that an event can have. */
export const madeEventId = (sourceId: number, partition: number, offset: bigint, hash: Hash): Uint8Array =>
  hashedUuid(encoder.encode(`\0${sourceId}/${partition}/${offset}`), hash);

/** Version 8 (RFC 9562): a uuid of one's own making. */
function hashedUuid(bytes: Uint8Array, hash: Hash): Uint8Array {
  const uuid = hash(bytes).slice(0, 16);
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}
