/**
 * Takes the pictures of the README: `npm run screenshot [-- ADDRESS]`, of the analysis page that runs there
 * (default: `clickstream web`'s own address).
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { openBrowser } from '../support/browser.js';
import { ROOT } from '../support/cli.js';

const address = process.argv[2] ?? 'http://127.0.0.1:8380/';
const folder = path.join(ROOT, 'docs/pictures');
const SIZE = { width: 1200, height: 900 };
/** Sharp on dense screens, and still small enough to be loaded with a README. */
const SCALE = 1.15;

mkdirSync(folder, { recursive: true });
const browser = await openBrowser();
try {
  for (const [colorScheme, name] of [
    ['light', 'analysis.png'],
    ['dark', 'analysis-dark.png'],
  ] as const) {
    const page = await browser.newPage({
      colorScheme,
      viewport: SIZE,
      deviceScaleFactor: SCALE,
      reducedMotion: 'reduce',
    });
    await page.goto(address);
    await page.locator('.map path.known').first().waitFor();
    await page.locator('[aria-busy="true"]').waitFor({ state: 'detached' });
    await page.screenshot({ path: path.join(folder, name), fullPage: true });
    console.log(path.join(folder, name));
  }
} finally {
  await browser.close();
}
