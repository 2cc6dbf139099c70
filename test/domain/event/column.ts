import type { Decoded, Value } from '../../../domain/event/types.js';
import { decoderOf } from './mapping.js';

export const SENT_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A mapping whose column `x` is taken from `from`; `event` are lines of the event's own settings. */
export function mapping(from: string, { type = 'text', event = '' } = {}): string {
  return `version: 1
name: shop
kafka: { topics: [clicks] }
event:
  nulls: ['', '-', 'direct']
  time: { from: [t] }
${event === '' ? '' : `  ${event}\n`}families:
  click_data:
    url: { type: text, from: [url], required: true }
    x: { type: ${type}, from: ${from} }
roles: { url: click_data.url }
`;
}

export const AGENTS = 'address: { from: [ip] }\n  agent: { from: [ua] }\n  referrer: { from: [ref] }';

export function decode(text: string, event: object | string, key: string | null = 'key'): Decoded {
  const json =
    typeof event === 'string' ? event : JSON.stringify({ t: '2026-01-01T00:00:00Z', url: '/', ...event });
  const record = {
    partition: 3,
    offset: 9_007_199_254_740_993n,
    timestampMs: SENT_MS,
    key: key === null ? null : Buffer.from(key, 'latin1'),
    value: Buffer.from(json),
  };
  return decoderOf(text)(record, { sourceId: 5, topic: 'clicks' });
}

/** The value of `x`, or the reason and the message of a rejection. */
export function x(text: string, event: object | string, key?: string | null): Value | undefined {
  const decoded = decode(text, event, key);
  if (decoded.kind === 'row') return decoded.row.families.click_data[1];
  return decoded.kind === 'rejected' ? `${decoded.reason}: ${decoded.message}` : decoded.kind;
}
