import { Serializer } from '@elastic/elasticsearch';

/** Strings are stepped over whole; outside of them, integers of 16 digits or more. */
const STRING_OR_LONG = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
const HAS_LONG = /[:,[\s]-?\d{16}/;

/** Turns integers that a JavaScript number may not hold into strings, and leaves everything else alone. */
export function quoteLongIntegers(json: string): string {
  if (!HAS_LONG.test(json)) return json;
  return json.replace(STRING_OR_LONG, (token) => (token.startsWith('"') ? token : `"${token}"`));
}

/**
 * Reads answers without rounding: a sum of times above 2^53 comes as a string of digits, also where it is a
 * sort value that the next page starts from (Elasticsearch takes both forms).
 */
export class ExactSerializer extends Serializer {
  override deserialize<T = unknown>(json: string): T {
    return super.deserialize<T>(quoteLongIntegers(json));
  }
}
