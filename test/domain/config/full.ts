import assert from 'node:assert/strict';
import { parseConfig } from '../../../domain/config/parse.js';
import { ConfigurationError } from '../../../domain/errors.js';

/** Line 6 is `event:`; `x` is on line 15. */
export const FULL = `version: 1
name: shop
kafka: { topics: [clicks], create: { partitions: 4 } }
ingest: { shards: 4 }
retention: {}
event:
  id: { from: [id] }
  time: { from: [t] }
  address: { from: [ip] }
  agent: { from: [ua] }
  referrer: { from: [ref] }
families:
  click_data:
    url: { type: text, from: [url], required: true }
    x: { type: text, from: [x] }
roles: { url: click_data.url }
`;

/** Lines of the complaint about a configuration; none when it is sound. */
export function problems(text: string): string[] {
  try {
    parseConfig(text, 'shop.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.message.split('\n');
  }
  return [];
}
