import { Rejection } from './rejection.js';

/** Longest id and user, in UTF-8 bytes: their indexes hold 2,704 bytes and no more. */
export const MAX_KEY_BYTES = 2048;
/** PostgreSQL refuses deeper jsonb only at thousands, but Spark and people give up long before. */
const MAX_JSON_DEPTH = 64;

/** PostgreSQL's text holds neither NUL nor half a character; one such value would fail a whole COPY. */
export function checkText(text: string): Rejection | undefined {
  if (text.includes('\0')) return new Rejection('nul_byte', 'expected text without NUL, got a NUL in it');
  return text.isWellFormed()
    ? undefined
    : new Rejection('lone_surrogate', 'expected whole characters, got half a surrogate pair');
}

const encoder = new TextEncoder();

export function checkKeyLength(text: string): Rejection | undefined {
  // A UTF-16 unit is at most three bytes, so most keys need no second look.
  const tooLong = text.length * 3 > MAX_KEY_BYTES && encoder.encode(text).length > MAX_KEY_BYTES;
  return tooLong ? new Rejection('too_long', `expected at most ${MAX_KEY_BYTES} bytes, got more`) : undefined;
}

/** A JSON value as text for jsonb, checked for what PostgreSQL refuses or JSON.parse has rounded. */
export function jsonText(value: unknown): string | Rejection {
  return checkJson(value, 1) ?? JSON.stringify(value);
}

function checkJson(value: unknown, depth: number): Rejection | undefined {
  if (typeof value === 'string') return checkText(value);
  if (typeof value === 'number') return checkJsonNumber(value);
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > MAX_JSON_DEPTH) {
    return new Rejection('too_deep', `expected at most ${MAX_JSON_DEPTH} levels, got more`);
  }
  for (const key of Object.keys(value)) {
    const problem = checkText(key) ?? checkJson((value as Record<string, unknown>)[key], depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const checkJsonNumber = (value: number): Rejection | undefined => {
  if (!Number.isFinite(value))
    return new Rejection('number_out_of_range', 'expected a finite number, got more');
  return Number.isInteger(value) ? checkExact(value) : undefined;
};

/** JSON.parse rounds whole numbers beyond 2^53 in silence: what is kept must be what was sent. */
export const checkExact = (value: number): Rejection | undefined =>
  Number.isInteger(value) && !Number.isSafeInteger(value)
    ? new Rejection(
        'number_out_of_range',
        'expected a whole number below 2^53, which JSON can carry exactly; a larger one must be sent as text',
      )
    : undefined;
