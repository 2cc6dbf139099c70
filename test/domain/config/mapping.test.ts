import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { effectiveConfig, parseConfig } from '../../../domain/config/parse.js';
import { usedEnrichments } from '../../../domain/config/uses.js';
import { FULL, problems } from './full.js';

/** Every way to write a place, a condition and a time. */
const EVERYTHING = `version: 1
name: shop
kafka: { topics: [clicks] }
event:
  where:
    - absent: _heartbeat_
    - { not: { field: [a, 0, { key: b }], in: [x, 7, true] } }
    - { field: $ua.is_bot, equals: false }
  nulls: ['', '-', direct]
  id: { from: [event_id, $kafka.key] }
  time: { from: [t, $kafka.timestamp], formats: [iso, epoch_us, "dd/MMM/yyyy:HH:mm:ss Z"], zone: Asia/Kolkata }
  address: { from: [{ json: request, path: client.ip }, ip] }
  agent: { from: [ua] }
  referrer: { from: [{ template: 'https://{referrer_host}/' }] }
  normalize_url: true
families:
  click_data:
    url: { type: text, required: true, from: ["p[key=page].value.s", { path: [page.url] }, { template: "/{{{a}/{$kafka.topic}" }] }
    n: { type: integer, from: [{ json: [a, 0], path: [{ key: b }, c] }, { const: 0 }] }
    campaign: { type: text, from: [$url.utm_campaign, $url.query.c, $referrer.host] }
  geo_data: { country: { type: text, from: [$geoip.country] } }
roles: { url: click_data.url }
`;

describe('everything that can be written', () => {
  test('is what it means', () => {
    const { event, families } = parseConfig(EVERYTHING, 'f');
    assert.deepEqual(event.where, [
      { kind: 'not', condition: { kind: 'present', place: { kind: 'path', path: ['_heartbeat_'] } } },
      {
        kind: 'not',
        condition: {
          kind: 'in',
          place: { kind: 'path', path: ['a', '0', { member: 'key', equals: 'b' }] },
          texts: ['x', '7', 'true'],
        },
      },
      { kind: 'in', place: { kind: 'enrichment', enrichment: '$ua', field: 'is_bot' }, texts: ['false'] },
    ]);
    assert.deepEqual(event.time.formats, ['iso', 'epoch_us', { pattern: 'dd/MMM/yyyy:HH:mm:ss Z' }]);
    assert.equal(event.time.zone, 'Asia/Kolkata');
    assert.deepEqual(event.address[0], {
      kind: 'json',
      in: { kind: 'path', path: ['request'] },
      path: ['client', 'ip'],
    });
    assert.equal(event.normalizeUrl, true);
    assert.deepEqual(families.click_data[0]?.from, [
      { kind: 'path', path: ['p', { member: 'key', equals: 'page' }, 'value', 's'] },
      { kind: 'path', path: ['page.url'] },
      {
        kind: 'template',
        written: '/{{{a}/{$kafka.topic}',
        parts: [
          '/{',
          { kind: 'path', path: ['a'] },
          '/',
          { kind: 'enrichment', enrichment: '$kafka', field: 'topic' },
        ],
      },
    ]);
    assert.deepEqual(families.click_data[1]?.from.at(-1), { kind: 'const', value: 0 });
  });

  test('survives being printed with its defaults and read again', () => {
    const printed = stringify(effectiveConfig(EVERYTHING, 'f'));
    assert.deepEqual(parseConfig(printed, 'f'), parseConfig(EVERYTHING, 'f'));
    assert.equal(stringify(effectiveConfig(printed, 'f')), printed);
  });

  test('opens the enrichments that are asked for anywhere, and no other', () => {
    assert.deepEqual([...usedEnrichments(parseConfig(EVERYTHING, 'f'))].sort(), [
      '$geoip',
      '$kafka',
      '$referrer',
      '$ua',
      '$url',
    ]);
    assert.deepEqual([...usedEnrichments(parseConfig(FULL, 'f'))], []);
  });

  test('an address may come of the page, and a page of the address, while nothing is made of itself', () => {
    assert.deepEqual(problems(FULL.replace('from: [ip]', 'from: [$url.query.ip]')), []);
    assert.deepEqual(problems(FULL.replace('from: [url]', "from: [{ template: '/{$visitor}' }]")), []);
  });
});
