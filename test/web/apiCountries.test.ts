import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';
import { testName } from '../support/names.js';
import { indexFigures } from './figures.js';
import { startWeb, type WebServer } from './webServer.js';

/** What events may call a country, each with its clicks. */
const COUNTRIES = { DE: 1, fr: 2, deu: 4, Germany: 8, 日本: 16, '<b>': 32 };

describe('countries of any kind', () => {
  let figures: TestInstallation;
  let web: WebServer;
  before(async () => {
    figures = await testInstallation(testName('web countries'));
    const hour = { hour: '2026-11-28T05', url: '/a' };
    await indexFigures(
      figures,
      Object.entries(COUNTRIES).map(([country, clicks]) => ({ ...hour, country, clicks })),
    );
    web = await startWeb(figures.name, figures.servers.elasticsearch.url);
  });
  after(async () => {
    await web.stop();
    await figures.drop();
  });

  const clicksOf = async (...countries: string[]): Promise<unknown> => {
    const query = countries.map((country) => `country=${encodeURIComponent(country)}`).join('&');
    const response = await fetch(`${web.url}api/overview?${query}`);
    assert.equal(response.status, 200, countries.join());
    return ((await response.json()) as { totals: Record<string, unknown> }).totals['click_count'];
  };

  test('each row of the list can be asked for, letter by letter', async () => {
    const { rows } = (await (await fetch(`${web.url}api/top?by=country`)).json()) as {
      rows: { key: string; click_count: number }[];
    };
    assert.equal(rows.length, Object.keys(COUNTRIES).length);
    for (const { key, click_count: clicks } of rows) assert.equal(await clicksOf(key), clicks, key);
  });

  test('two letters are the code, too, in whichever case; a country that is not there has nothing', async () => {
    assert.equal(await clicksOf('de'), COUNTRIES.DE);
    assert.equal(await clicksOf('de', 'fr'), COUNTRIES.DE + COUNTRIES.fr);
    assert.equal(await clicksOf('usa'), 0);
  });
});
