/** Bytes of a record → the JSON object in them, or why there is none. */
import { Rejection } from './rejection.js';

export type JsonObject = Readonly<Record<string, unknown>>;

// A BOM in front is skipped; anything else that is no UTF-8 throws.
const utf8 = new TextDecoder('utf-8', { fatal: true });

export function parseRecord(value: Uint8Array | null): JsonObject | Rejection {
  if (value === null) return new Rejection('tombstone', 'expected a JSON object, got a record without value');
  if (value.length === 0) return new Rejection('empty_value', 'expected a JSON object, got an empty value');
  if (value[0] === 0) {
    return new Rejection(
      'schema_registry_framing',
      'expected a JSON object, got a first byte of 0 as schema registries put before Avro, Protobuf or JSON Schema',
    );
  }
  let text: string;
  try {
    text = utf8.decode(value);
  } catch {
    return new Rejection('invalid_utf8', 'expected a JSON object in UTF-8, got other bytes');
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // V8's message quotes the text: it stays here.
    return new Rejection('not_json', 'expected a JSON object, got text that is no JSON');
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
  const got = Array.isArray(parsed) ? 'an array' : parsed === null ? 'null' : `a ${typeof parsed}`;
  return new Rejection('not_an_object', `expected a JSON object, got ${got}`);
}
