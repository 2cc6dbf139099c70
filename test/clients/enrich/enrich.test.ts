import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { openEnrichers } from '../../../clients/enrich/index.js';
import { parseConfig } from '../../../domain/config/parse.js';
import type { Enrichers } from '../../../domain/event/types.js';
import { ROOT } from '../../support/cli.js';

describe('enrichments', () => {
  let enrich: Enrichers;
  before(async () => {
    const text = readFileSync(path.join(ROOT, 'clickstream.yaml'), 'utf8');
    enrich = await openEnrichers(parseConfig(text, 'clickstream.yaml'), new Uint8Array(32).fill(7));
  });

  const countries: [address: string, country: string | undefined][] = [
    ['8.8.8.8', 'US'],
    ['::ffff:8.8.8.8', 'US'],
    ['2001:4860:4860::8888', 'US'],
    ['10.1.2.3', undefined],
    ['192.168.0.1', undefined],
    ['127.0.0.1', undefined],
    ['100.64.0.1', undefined],
    ['192.0.2.1', undefined],
    ['198.51.100.1', undefined],
    ['203.0.113.1', undefined],
    ['fd00::1', undefined],
    ['fe80::1', undefined],
    ['::1', undefined],
    ['999.1.1.1', undefined],
    ['localhost', undefined],
    ['', undefined],
  ];
  for (const [address, country] of countries) {
    test(`'${address}' is in ${country ?? 'no country'}`, () => {
      assert.equal(enrich.geoip(address)?.country, country);
      assert.equal(enrich.geoip(address)?.country, country, 'from the cache');
    });
  }

  test('an agent is a browser on a system, or a machine', () => {
    const phone =
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';
    assert.deepEqual(enrich.ua(phone), {
      browser: 'Mobile Safari',
      browser_version: '18.1',
      os: 'iOS',
      os_version: '18.1',
      device: 'mobile',
      is_bot: false,
    });
    assert.equal(
      enrich.ua('Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)').is_bot,
      true,
    );
  });

  test('an agent made to keep regular expressions busy takes no time, and no half character remains', () => {
    // What this process worked, whatever else the machine does.
    const before = process.cpuUsage();
    for (const part of ['Mozilla/5.0 (', '((((((', ' ;', '😀', 'Android '] as const) {
      const { browser = '', os = '' } = enrich.ua(part.repeat(200_000));
      assert.ok(!/\p{Surrogate}/u.test(browser + os));
    }
    assert.ok(process.cpuUsage(before).user < 2_000_000);
  });

  test('a visitor is 32 hex digits that depend on address, agent and key', async () => {
    const visitor = enrich.visitor('1.2.3.4', 'A');
    assert.match(visitor, /^[0-9a-f]{32}$/);
    assert.equal(enrich.visitor('1.2.3.4', 'A'), visitor);
    assert.notEqual(enrich.visitor('1.2.3.4A', ''), visitor);
    assert.notEqual(enrich.visitor('1.2.3.', '4A'), visitor);
    const text = readFileSync(path.join(ROOT, 'clickstream.yaml'), 'utf8');
    const other = await openEnrichers(parseConfig(text, 'f'), new Uint8Array(32).fill(8));
    assert.notEqual(other.visitor('1.2.3.4', 'A'), visitor);
  });
});
