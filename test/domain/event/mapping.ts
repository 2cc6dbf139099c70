import { createHash } from 'node:crypto';
import { parseConfig } from '../../../domain/config/parse.js';
import { createDecoder } from '../../../domain/event/decoder.js';
import type { Decoded, Decoder, Enrichers } from '../../../domain/event/types.js';

export const MAPPING = `version: 1
name: shop
kafka: { topics: [clicks] }
event:
  nulls: ['-', 'direct']
  id: { from: [event_id, id] }
  time: { from: [t], formats: [iso, epoch_ms] }
  address: { from: [ip] }
  agent: { from: [ua] }
families:
  click_data:
    url: { type: text, from: [page.url, url, 'urls.0', { path: ['page.url'] }], required: true }
    user_id: { type: text, from: [user, $visitor] }
    i: { type: integer, from: [i] }
    b: { type: bigint, from: [b] }
    d: { type: double, from: [d] }
    flag: { type: boolean, from: [flag] }
    ts: { type: timestamptz, from: [ts] }
    day: { type: date, from: [day] }
    inet: { type: inet, from: [inet] }
    uuid: { type: uuid, from: [uuid] }
    json: { type: jsonb, from: [json] }
    proto: { type: text, from: [__proto__.polluted, constructor.name, toString, l.length] }
  geo_data:
    country: { type: text, from: [geo.country, $geoip.country] }
  user_agent_data:
    browser: { type: text, from: [$ua.browser] }
    is_bot: { type: boolean, from: [$ua.is_bot] }
roles: { url: click_data.url, user: click_data.user_id }
`;

export const COLUMNS = [
  'url',
  'user_id',
  'i',
  'b',
  'd',
  'flag',
  'ts',
  'day',
  'inet',
  'uuid',
  'json',
  'proto',
];

export const enrichers: Enrichers = {
  geoip: (address) => (address === '192.0.2.1' ? { country: 'DE' } : undefined),
  ua: (agent) => ({ browser: agent.split('/')[0], is_bot: agent.includes('bot') }),
  visitor: (address, agent) => `visitor of ${address}, ${agent}`,
};

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export const decoderOf = (mapping: string): Decoder =>
  createDecoder(parseConfig(mapping, 'shop.yaml'), enrichers, sha256);

const decoder = decoderOf(MAPPING);
export const SENT_MS = Date.UTC(2026, 0, 2);

export function decodeBytes(value: Uint8Array | null, timestampMs = SENT_MS): Decoded {
  return decoder({ partition: 3, offset: 77n, timestampMs, key: null, value }, { sourceId: 5 });
}

export const decodeText = (text: string, timestampMs = SENT_MS): Decoded =>
  decodeBytes(new TextEncoder().encode(text), timestampMs);

/** A sound event with the given fields put over it. */
export const decodeWith = (fields: object, timestampMs = SENT_MS): Decoded =>
  decodeText(JSON.stringify({ event_id: 'e1', t: '2026-01-01T00:00:00Z', url: '/', ...fields }), timestampMs);
