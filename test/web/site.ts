/** A made-up site's figures, served to a real browser, and how a test reads the page as a person does. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.js';
import { testName } from '../support/names.js';
import { startProxy, type TcpProxy } from '../support/tcpProxy.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';
import { indexFigures, type Hour } from './figures.js';
import { startWeb, type WebServer } from './webServer.js';

export const NOW = new Date('2026-11-28T06:20:00Z');
export const MARKUP = '<script>window.ran=1</script><img src=x onerror=window.ran=1>';
export const SCRIPT = 'javascript:window.ran=1';
export const LONG = `/long/${'x'.repeat(3_000)}/end`;
export const HOURS: readonly Hour[] = [
  {
    hour: '2026-11-28T05',
    url: '/',
    country: 'DE',
    clicks: 1_010,
    bots: 1,
    users: 4,
    timed: 606,
    totalMs: 606_000,
  },
  { hour: '2026-11-27T10', url: '/', country: 'US', clicks: 20, users: 5 },
  {
    hour: '2026-11-27T10',
    url: '/books/a-long-way',
    country: 'DE',
    clicks: 8,
    users: 3,
    timed: 2,
    totalMs: 9_000,
  },
  { hour: '2026-11-27T11', url: MARKUP, country: 'US', clicks: 4, users: 1 },
  { hour: '2026-11-27T11', url: SCRIPT, country: 'US', clicks: 3, users: 1 },
  { hour: '2026-11-27T11', url: 'https://example.com/books', country: 'ZZ', clicks: 2, users: 1 },
  { hour: '2026-11-27T11', url: LONG, country: 'FR', clicks: 1, users: 1 },
  { hour: '2026-11-15T08', url: '/books/a-long-way', country: 'FR', clicks: 40, users: 30 },
  { hour: '2026-03-01T00', url: '/old/book', country: 'DE', clicks: 300, users: 200 },
];
export const ALL = HOURS.reduce((sum, { clicks }) => sum + clicks, 0);

export interface Site {
  readonly browser: Browser;
  readonly figures: TestInstallation;
  /** What the page's server reaches Elasticsearch through. */
  readonly elasticsearch: TcpProxy;
  readonly web: WebServer;
  /** What the consoles of all pages complained of. */
  readonly complaints: string[];
  /** A page of a browser that has seen nothing yet, its clock at NOW, far from UTC. */
  open(address?: string, options?: BrowserContextOptions, url?: string): Promise<Page>;
  close(): Promise<void>;
}

export async function openSite(about: string): Promise<Site> {
  const figures = await testInstallation(testName(about));
  await indexFigures(figures, HOURS);
  const elasticsearch = await startProxy(new URL(figures.servers.elasticsearch.url).host);
  const web = await startWeb(figures.name, `http://127.0.0.1:${elasticsearch.port}`);
  const browser = await openBrowser();
  const complaints: string[] = [];
  return {
    browser,
    figures,
    elasticsearch,
    web,
    complaints,
    async open(address = '', options = {}, url = web.url) {
      const context = await browser.newContext({ locale: 'de-DE', timezoneId: 'Asia/Tokyo', ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      await page.clock.setFixedTime(NOW);
      await page.goto(url + address);
      return page;
    },
    async close() {
      await browser.close();
      await web.stop();
      elasticsearch.close();
      await figures.drop();
    },
  };
}

export const close = (page: Page): Promise<void> => page.context().close();

/** The button of a total, by how its name begins. */
export const total = (page: Page, name: string): Locator =>
  page
    .getByRole('region', { name: 'Totals' })
    .getByRole('button', { name: new RegExp(`^${name}`) })
    .first();

/** Waits until so many clicks are shown. */
export const clicks = (page: Page, value: number): Promise<void> =>
  total(page, 'Clicks')
    .locator('.value', { hasText: new RegExp(`^${value.toLocaleString('en')}(?![\\d,.])`) })
    .waitFor();

export const urls = (page: Page): Locator => page.getByRole('region', { name: 'Top URLs' });
export const countries = (page: Page): Locator => page.getByRole('region', { name: 'Top countries' });
export const names = (list: Locator): Promise<string[]> => list.locator('tbody .pick').allTextContents();
/** The filter that a row is; the row's tools name it, too. */
export const row = (list: Locator, name: string): Locator => list.getByRole('button', { name, exact: true });
export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click();
