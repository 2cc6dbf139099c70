import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT } from '../support/cli.js';
import { ALL, clicks, close, openSite, press, type Site } from './site.js';

describe('the analysis page, for everybody', () => {
  let site: Site;
  before(async () => {
    site = await openSite('page access');
  });
  after(() => site.close());

  test('everything is reached by keys, and what has the focus is seen', async () => {
    const page = await site.open();
    await clicks(page, ALL);
    const focused = (what: string): Promise<unknown> => page.evaluate(`document.activeElement.${what}`);
    const reach = async (text: string): Promise<void> => {
      for (let i = 0; i < 60; i += 1) {
        await page.keyboard.press('Tab');
        if (String(await focused('textContent')).startsWith(text)) return;
      }
      assert.fail(`${text} is not reached by Tab`);
    };
    await reach('30 days');
    assert.equal(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'solid');
    await page.keyboard.press('Enter');
    await clicks(page, 1_088);
    await reach('People');
    await page.keyboard.press('Space');
    await page.getByRole('heading', { name: /^People/ }).waitFor();
    await reach('/books/a-long-way');
    await page.keyboard.press('Enter');
    await clicks(page, 48);
    await reach('Germany');
    await page.keyboard.press('Enter');
    await clicks(page, 8);
    await close(page);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`axe finds nothing to complain of in ${colorScheme} colours`, async () => {
      const axe = readFileSync(path.join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');
      for (const address of [
        '?range=30d&country=DE&q=b&compare=previous',
        '?from=2020-01-01&to=2020-02-01',
      ]) {
        const page = await site.open(address, { colorScheme, bypassCSP: true });
        await page.locator('.value', { hasText: /^\d/ }).first().waitFor();
        // The lists come by requests of their own; what stands in for their rows is not meant to be read.
        await page.waitForFunction("document.querySelector('.blank') === null");
        await press(page, 'Custom');
        const values = page.getByText('Values as a table');
        if (await values.isVisible()) await values.click();
        await page.evaluate(axe);
        const violations = await page.evaluate(
          'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`))',
        );
        assert.deepEqual(violations, [], address);
        await close(page);
      }
    });
  }

  test('dark is the system’s choice or the reader’s, who is remembered', async () => {
    const page = await site.open('', { colorScheme: 'light' });
    await clicks(page, ALL);
    const ground = (): Promise<unknown> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await press(page, 'Use the dark colours');
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.reload();
    await clicks(page, ALL);
    assert.equal(await ground(), dark);
    await press(page, 'Use the light colours');
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.equal(await ground(), dark, 'the system’s own colours are followed again');
    await close(page);
  });

  test('a telephone shows it all without scrolling to the side', async () => {
    const page = await site.open('?country=DE&range=30d', { viewport: { width: 360, height: 740 } });
    await clicks(page, 1_018);
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
    await press(page, 'Custom');
    await page.getByLabel('From').waitFor();
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
    await close(page);
  });

  test('filters as long as they may be stay within the width', async () => {
    const long = `?q=${'x'.repeat(200)}&country=${'X'.repeat(300)}`;
    const page = await site.open(long, { viewport: { width: 320, height: 740 } });
    await page.getByRole('button', { name: /Remove the filter Country/ }).waitFor();
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 320);
    await close(page);
  });

  test('nothing moves away under the reader when the figures come', async () => {
    for (const viewport of [
      { width: 1_280, height: 900 },
      { width: 360, height: 740 },
    ]) {
      const context = await site.browser.newContext({ viewport });
      const page = await context.newPage();
      await page.addInitScript(`
        window.moved = 0;
        new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.moved += value)))
          .observe({ type: 'layout-shift', buffered: true });
      `);
      await page.goto(site.web.url);
      await page.locator('[data-country=DE]').waitFor();
      const moved = Number(await page.evaluate('window.moved'));
      // Of 1, which is a screen that moves by its own height; up to 0.1 is called good.
      assert.ok(moved < 0.05, `${moved} at ${viewport.width} px`);
      await context.close();
    }
  });

  test('the whole page, its map and first figures are under 300 kB, all from its own server', async () => {
    const context = await site.browser.newContext();
    const page = await context.newPage();
    const sizes: Promise<number>[] = [];
    page.on('response', (response) => {
      assert.ok(
        response.url().startsWith(site.web.url) || response.url().startsWith('data:'),
        response.url(),
      );
      if (response.url().startsWith(site.web.url)) sizes.push(response.body().then((body) => body.length));
    });
    await page.goto(site.web.url);
    await page.locator('[data-country=DE]').waitFor();
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    assert.ok(bytes > 50_000 && bytes < 300_000, `${bytes} bytes`);
    await context.close();
  });

  test('no test made the page break its content security policy or raise an error', () => {
    assert.deepEqual(site.complaints, []);
  });
});
