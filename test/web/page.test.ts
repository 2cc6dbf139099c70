import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { testInstallation } from '../clients/elasticsearch/installation.js';
import { testName } from '../support/names.js';
import { indexFigures } from './figures.js';
import { startWeb } from './webServer.js';
import {
  ALL,
  clicks,
  close,
  countries,
  HOURS,
  LONG,
  MARKUP,
  names,
  NOW,
  openSite,
  press,
  row,
  SCRIPT,
  total,
  urls,
  type Site,
} from './site.js';

const LATER = { url: '/', country: 'DE', clicks: 7 };

describe('the analysis page', () => {
  let site: Site;
  const search = (page: Page): URLSearchParams => new URL(page.url()).searchParams;
  before(async () => {
    site = await openSite('page');
  });
  after(() => site.close());

  test('it starts with all the time there is: totals with their coverage and exactness, lists, a series', async () => {
    const page = await site.open();
    await clicks(page, ALL);
    assert.match((await total(page, 'People').textContent()) ?? '', /≤ \d+at most: who saw several pages/);
    assert.match(
      (await total(page, 'Time, average').textContent()) ?? '',
      /1\.0 stime known for 44 % of clicks/,
    );
    assert.match((await total(page, 'Clicks by bots').textContent()) ?? '', /^Clicks by bots1/);
    assert.deepEqual((await names(urls(page))).slice(0, 3), ['/', '/old/book', '/books/a-long-way']);
    assert.deepEqual(await names(countries(page)), ['Germany', 'France', 'United States', 'Unknown']);
    await page.getByText('Last click').or(page.getByText('Figures up to')).waitFor();
    assert.equal(await page.title(), `${site.figures.name} · Clickstream`);
    assert.equal(new URL(page.url()).search, '');
    await close(page);
  });

  test('a range is one of the usual or two days, in UTC wherever the browser is', async () => {
    const page = await site.open();
    await press(page, 'Today');
    await clicks(page, 1_010);
    await press(page, '7 days');
    await clicks(page, 1_048);
    await press(page, '30 days');
    await clicks(page, 1_088);
    await press(page, '12 months');
    await clicks(page, ALL);
    assert.equal(search(page).get('range'), '12mo');
    await press(page, 'Custom');
    await page.getByLabel('From').fill('2026-11-15');
    await page.getByLabel('to, inclusive').fill('2026-11-27');
    await press(page, 'Show');
    await clicks(page, 78);
    assert.equal(page.url(), `${site.web.url}?from=2026-11-15&to=2026-11-28`);
    await page.getByText('15 – 27 Nov 2026, UTC').waitFor();
    await close(page);
  });

  test('a row is a filter, a chip takes it away, and the way back leads through every step', async () => {
    const page = await site.open();
    await clicks(page, ALL);
    await row(countries(page), 'United States').click();
    await clicks(page, 27);
    await row(countries(page), 'France').click();
    await clicks(page, 68);
    await row(urls(page), '/books/a-long-way').click();
    await clicks(page, 40);
    assert.deepEqual(search(page).getAll('country'), ['US', 'FR']);
    assert.equal(search(page).get('url'), '/books/a-long-way');

    const link = await site.open(new URL(page.url()).search);
    await clicks(link, 40);
    await close(link);

    await page.goBack();
    await clicks(page, 68);
    await page.goForward();
    await clicks(page, 40);
    await press(page, 'Remove the filter Country United States');
    await clicks(page, 40);
    await press(page, 'Remove the filter URL /books/a-long-way');
    await clicks(page, 41);
    await row(countries(page), 'France').click();
    await clicks(page, ALL);
    assert.equal(new URL(page.url()).search, '');
    await close(page);
  });

  test('a country on the map is the filter that its row is', async () => {
    const page = await site.open();
    await page.locator('[data-country=DE]').click();
    await clicks(page, 1_318);
    await page.getByRole('button', { name: 'Germany', pressed: true }).waitFor();
    await close(page);
  });

  test('a search is made as it is typed, the one before cancelled, and is one step of the way back', async () => {
    const page = await site.open();
    await clicks(page, ALL);
    let held = (): void => undefined;
    const isHeld = new Promise<void>((resolve) => (held = resolve));
    await page.route(/overview.*q=ol(&|$)/, () => held());
    const cancelled = page.waitForEvent('requestfailed', (request) =>
      /overview.*q=ol(&|$)/.test(request.url()),
    );
    const box = page.getByRole('searchbox');
    await box.fill('ol');
    await isHeld;
    await box.fill('old');
    await cancelled;
    await clicks(page, 300);
    await box.fill('boo');
    await clicks(page, 350);
    assert.deepEqual(await names(urls(page)), [
      '/old/book',
      '/books/a-long-way',
      'https://example.com/books',
    ]);
    await page.goBack();
    await clicks(page, ALL);
    assert.equal(await box.inputValue(), '');
    await close(page);
  });

  test('the chart draws the chosen figure, is read by arrow keys and as a table, and leads into its windows', async () => {
    const page = await site.open('?from=2026-11-25&to=2026-11-29');
    await clicks(page, 1_048);
    await total(page, 'People').click();
    assert.equal(search(page).get('measure'), 'unique_users');
    await total(page, 'Clicks by').focus();
    const chart = page.getByRole('slider');
    await total(page, 'Clicks').first().click();
    await chart.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.equal(await chart.getAttribute('aria-valuetext'), 'Fri 27 Nov 2026: 38');
    await page.keyboard.press('End');
    assert.equal(await chart.getAttribute('aria-valuetext'), 'Sat 28 Nov 2026: 1,010 so far');
    await chart.hover({ position: { x: 1, y: 60 } });
    await page.locator('.tip', { hasText: 'Wed 25 Nov 20260' }).waitFor();
    await page.getByText('Values as a table').click();
    const rows = await page.locator('.values tbody tr').allTextContents();
    assert.deepEqual(rows, [
      'Wed 25 Nov 20260',
      'Thu 26 Nov 20260',
      'Fri 27 Nov 202638',
      'Sat 28 Nov 20261,010',
    ]);
    await chart.focus();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    await clicks(page, 38);
    assert.equal(await chart.getAttribute('aria-label'), 'Clicks, a point for each hour');
    await close(page);
  });

  test('a period is compared with the one before', async () => {
    const page = await site.open('?from=2026-11-27&to=2026-11-28');
    await clicks(page, 38);
    await page.getByLabel('Compare with the period before').check();
    await page.waitForURL(/compare=previous/);
    const first = await site.open('?from=2026-11-15&to=2026-11-28&compare=previous');
    await clicks(first, 78);
    assert.equal(await first.locator('.delta').count(), 0, 'there is no change from nothing');
    await close(first);
    const second = await site.open('?from=2026-11-28&to=2026-11-29&compare=previous');
    await total(second, 'Clicks')
      .locator('.delta', { hasText: '2,558 % more than in 27 Nov 2026' })
      .first()
      .waitFor();
    await close(second);
    await close(page);
  });

  test('the export is a file of the figures shown, with the filters that hold', async () => {
    const page = await site.open('?country=FR&from=2026-11-01&to=2026-12-01');
    await clicks(page, 41);
    const coming = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Export CSV' }).click();
    const file = await (await coming).path();
    const [head, ...lines] = readFileSync(file, 'utf8').trim().split(/\r?\n/);
    assert.equal(
      head,
      'grain,window_start,url,country,click_count,unique_users,timed_clicks,total_time_spent_ms,avg_time_spent_ms',
    );
    assert.deepEqual(lines.sort(), [
      'day,2026-11-15T00:00:00.000Z,/books/a-long-way,FR,40,30,0,0,',
      `day,2026-11-27T00:00:00.000Z,${LONG},FR,1,1,0,0,`,
    ]);
    await close(page);
  });

  test('markup and script in a URL are text, and only http and https are links', async () => {
    const page = await site.open();
    await clicks(page, ALL);
    const list = urls(page);
    assert.ok((await names(list)).includes(MARKUP));
    await row(list, SCRIPT).click();
    await clicks(page, 3);
    await row(list, MARKUP).click();
    await clicks(page, 4);
    const links = await page
      .locator('main a[href]:not([download])')
      .evaluateAll((all) => all.map((a) => String(a)));
    assert.deepEqual(links, ['https://example.com/books']);
    const long = list.locator('bdi[title^="/long/"]');
    const shown = (await long.textContent()) ?? '';
    assert.match(shown, /^\/long\/x+…x+\/end$/);
    assert.ok(shown.length <= 400);
    assert.equal(await page.evaluate('window.ran'), undefined);
    await close(page);
  });

  test('a URL is copied whole', async () => {
    const page = await site.open('', { permissions: ['clipboard-read', 'clipboard-write'] });
    await clicks(page, ALL);
    await urls(page)
      .getByRole('button', { name: /^Copy \/long/ })
      .click();
    await urls(page).getByRole('button', { name: 'Copied' }).waitFor();
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), LONG);
    await close(page);
  });

  test('nothing in a range is said, with the way to where something is', async () => {
    const page = await site.open('?from=2020-01-01&to=2020-02-01');
    await page.getByText('No clicks in January 2020').waitFor();
    await page.getByText('The last figures there are belong to 28 Nov 2026').waitFor();
    await press(page, 'Show all time');
    await clicks(page, ALL);
    await row(countries(page), 'France').click();
    await page.getByRole('searchbox').fill('nowhere');
    await page.getByText('No clicks with these filters').waitFor();
    await press(page, 'Remove the filters');
    await clicks(page, ALL);
    await close(page);
  });

  test('before the first run the page says how to make figures', async () => {
    const bare = await testInstallation(testName('page bare'));
    const empty = await startWeb(bare.name, bare.servers.elasticsearch.url);
    try {
      const page = await site.open('', {}, empty.url);
      await page.getByText('npx clickstream pipeline').waitFor();
      await close(page);
    } finally {
      await empty.stop();
      await bare.drop();
    }
  });

  test('while Elasticsearch is down the old figures stay, marked, and come anew when it is back', async () => {
    const noted = site.complaints.length;
    const page = await site.open();
    await clicks(page, ALL);
    await site.elasticsearch.refuse();
    try {
      await press(page, '7 days');
      const alert = page.getByRole('alert');
      await alert.getByText('Elasticsearch').waitFor();
      await alert.getByText('older ones, of 28 Nov 2026, 06:20 UTC').waitFor();
      assert.equal(await page.locator('.stale').count(), 1);
      await clicks(page, ALL);
    } finally {
      await site.elasticsearch.accept();
    }
    await press(page, 'Try again');
    await clicks(page, 1_048);
    assert.equal(await page.getByRole('alert').count(), 0);
    await close(page);
    // A browser notes each answer of 500 and above; nothing else may stand there.
    assert.deepEqual(
      site.complaints.splice(noted).filter((text) => !text.includes('status of 503')),
      [],
    );
  });

  test('an address that asks for what there is not is answered, with the way out', async () => {
    const noted = site.complaints.length;
    const page = await site.open('?from=yesterday');
    await page.getByRole('alert').getByText('from').waitFor();
    await press(page, 'Show everything');
    await clicks(page, ALL);
    assert.equal(new URL(page.url()).search, '');
    await close(page);
    assert.deepEqual(
      site.complaints.splice(noted).filter((text) => !text.includes('status of 400')),
      [],
    );
  });

  test('new figures, and Elasticsearch that is back, are seen without anybody doing anything', async () => {
    const noted = site.complaints.length;
    const page = await site.open();
    await page.clock.install({ time: NOW });
    await page.reload();
    await clicks(page, ALL);
    await indexFigures(site.figures, [...HOURS, { ...LATER, hour: '2026-11-28T06' }], 2);
    await page.clock.fastForward(61_000);
    await clicks(page, ALL + LATER.clicks);
    await site.elasticsearch.refuse();
    try {
      await page.clock.fastForward(61_000);
      await page.getByRole('alert').waitFor();
    } finally {
      await site.elasticsearch.accept();
    }
    await page.clock.fastForward(11_000);
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await close(page);
    site.complaints.splice(noted);
  });

  test('no test made the page break its content security policy or raise an error', () => {
    assert.deepEqual(site.complaints, []);
  });
});
