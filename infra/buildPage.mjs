// @ts-check
/**
 * The analysis page → dist/web/page/: index.html beside files whose names hold the hash of their content. The
 * world map is drawn here, once, so that a browser gets finished outlines and no library for them.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { geoNaturalEarth1, geoPath } from 'd3-geo';
import { iso31661NumericToAlpha2 } from 'iso-3166';
import { feature } from 'topojson-client';

/** The coordinates of the outlines; Antarctica is left out and its room cut off. */
const MAP_WIDTH = 960;
const ANTARCTICA = 'AQ';
/** What Natural Earth draws apart though ISO 3166 has no number for it; the user-assigned code in common use. */
const WITHOUT_NUMBER = new Map([['Kosovo', 'XK']]);

/**
 * @param {string} root The repository.
 * @param {string} out Emptied first.
 */
export async function buildPage(root, out) {
  const half = `${out}.half`;
  fs.rmSync(half, { recursive: true, force: true });
  fs.mkdirSync(half, { recursive: true });
  const map = write(half, 'map.json', JSON.stringify(worldMap(root)));
  const page = path.join(root, 'web/page');
  const { outputFiles } = await build({
    entryPoints: { page: path.join(page, 'main.tsx'), theme: path.join(page, 'theme.ts') },
    outdir: half,
    bundle: true,
    minify: true,
    write: false,
    format: 'iife',
    target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { MAP_FILE: JSON.stringify(map) },
    legalComments: 'none',
    logLevel: 'warning',
  });
  let html = fs.readFileSync(path.join(page, 'index.html'), 'utf8');
  for (const { path: file, contents } of outputFiles) {
    const name = path.basename(file);
    html = html.replaceAll(`"${name}"`, `"${write(half, name, contents)}"`);
  }
  fs.writeFileSync(path.join(half, 'index.html'), html);
  fs.rmSync(out, { recursive: true, force: true });
  fs.renameSync(half, out);
}

/** @param {string} folder @param {string} name @param {string | Uint8Array} content @returns {string} The name with the content's hash. */
function write(folder, name, content) {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 10);
  const { name: stem, ext } = path.parse(name);
  const hashed = `${stem}-${hash}${ext}`;
  fs.writeFileSync(path.join(folder, hashed), content);
  return hashed;
}

/**
 * @param {string} root
 * @returns {{ width: number, height: number, countries: Record<string, string>, others: string }} SVG paths by
 * the country's two letters, and one of the land that has none.
 */
function worldMap(root) {
  /** @type {import('topojson-specification').Topology} */
  const topology = JSON.parse(
    fs.readFileSync(path.join(root, 'node_modules/world-atlas/countries-110m.json'), 'utf8'),
  );
  const world = feature(topology, /** @type {any} */ (topology.objects['countries']));
  /** @type {import('geojson').Feature[]} */
  const features = 'features' in world ? /** @type {any} */ (world).features : [];
  const codeOf = (/** @type {import('geojson').Feature} */ { id, properties }) =>
    iso31661NumericToAlpha2[String(id)] ?? WITHOUT_NUMBER.get(properties?.['name']);
  const land = features.filter((country) => codeOf(country) !== ANTARCTICA);
  const projection = geoNaturalEarth1().fitWidth(MAP_WIDTH, { type: 'FeatureCollection', features: land });
  const draw = geoPath(projection).digits(1);
  const [, [, bottom]] = draw.bounds({ type: 'FeatureCollection', features: land });
  /** @type {Record<string, string>} */
  const countries = {};
  let others = '';
  for (const country of land) {
    const code = codeOf(country);
    const outline = draw(country) ?? '';
    if (code) countries[code] = outline;
    else others += outline;
  }
  return { width: MAP_WIDTH, height: Math.ceil(bottom), countries, others };
}
