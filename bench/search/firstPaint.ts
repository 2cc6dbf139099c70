/** How soon a reader sees figures: a real browser opens the page. */
import type { Page, Response } from 'playwright-core';
import { openBrowser } from '../../test/support/browser.js';
import { median } from '../ingest/summary.js';

const OPENINGS = 9;

/** Notes, in the page itself, when the totals and when the map have been painted. */
const WATCH = `
  new MutationObserver(() => {
    const seen = (name, isThere) => {
      if (isThere && !(name in window)) requestAnimationFrame(() => (window[name] ??= performance.now()));
    };
    seen('totalsAt', document.querySelector('.total .value') && !document.querySelector('.total .blank'));
    seen('allAt', document.querySelector('.map path.known') && document.querySelector('.plot .line') && !document.querySelector('.blank'));
  }).observe(document, { subtree: true, childList: true, characterData: true });
`;

export interface FirstPaint {
  readonly totalsMs: number;
  readonly allMs: number;
  readonly bytes: number;
}

async function openOnce(page: Page, url: string): Promise<FirstPaint> {
  const responses: Response[] = [];
  page.on('response', (response) => {
    if (response.url().startsWith(url)) responses.push(response);
  });
  await page.addInitScript(WATCH);
  await page.goto(url);
  await page.locator('.map path.known').first().waitFor();
  await page.waitForLoadState('networkidle');
  const [totalsMs = NaN, allMs = NaN] = await page.evaluate<number[]>('[window.totalsAt, window.allAt]');
  let bytes = 0;
  for (const response of responses) bytes += (await response.body()).length;
  return { totalsMs, allMs, bytes };
}

/** Medians of openings by a browser whose cache is empty each time. */
export async function firstPaint(url: string): Promise<FirstPaint> {
  const browser = await openBrowser();
  try {
    const found: FirstPaint[] = [];
    for (let i = 0; i < OPENINGS; i += 1) {
      const context = await browser.newContext();
      found.push(await openOnce(await context.newPage(), url));
      await context.close();
    }
    const of = (which: keyof FirstPaint): number => median(found.map((one) => one[which]));
    return { totalsMs: of('totalsMs'), allMs: of('allMs'), bytes: of('bytes') };
  } finally {
    await browser.close();
  }
}
