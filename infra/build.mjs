// @ts-check
/**
 * The build: Spark's protocol → TypeScript, TypeScript → dist/, the kernel of ingest → WebAssembly, workflows → one
 * bundle, the analysis page → files for a browser.
 * `--protos-only` does the first alone, which is all that lint and typecheck need.
 * Node built-ins only, until node_modules is known to be there.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './folders.mjs';
import { withLock } from './lock.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const cache = cacheFolder(process.env);
const page = path.join(dist, 'web/page');
/** SHA-256 of the jar that holds the .proto files, by Spark's version. */
const PROTO_JAR = {
  version: '4.2.0',
  sha256: 'a5ab11bed0ebb6bf8e005b3f238dfa97f6ca3cbe0161201d676accfc1bc9f04c',
};
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

/** What the person must know; printed without a stack. */
class Stop extends Error {}

try {
  await buildProtos();
  if (!process.argv.includes('--protos-only')) {
    compile();
    prune(dist);
    compileKernel();
    await bundleWorkflows();
    await bundlePage();
  }
} catch (error) {
  console.error(error instanceof Stop ? error.message : error);
  process.exitCode = 1;
}

/** @param {string} message @returns {never} */
function stop(message) {
  throw new Stop(message);
}

async function buildProtos() {
  const gen = path.join(root, 'clients/spark/gen');
  const stampFile = path.join(gen, '.stamp');
  const plugin = path.join(root, 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es');
  const pluginVersion = readJson(
    path.join(root, 'node_modules/@bufbuild/protoc-gen-es/package.json'),
  ).version;
  const stamp = `spark ${PROTO_JAR.version}, protoc-gen-es ${pluginVersion}`;
  if (readText(stampFile) === stamp) return;
  const protos = await fetchProtos();
  const template = {
    version: 'v2',
    inputs: [{ directory: protos }],
    plugins: [{ local: [process.execPath, plugin], out: gen, opt: ['target=ts', 'import_extension=js'] }],
  };
  fs.rmSync(gen, { recursive: true, force: true });
  // The package's own script picks the platform's binary; its postinstall is not needed for that.
  const buf = path.join(root, 'node_modules/@bufbuild/buf/bin/buf');
  run(process.execPath, [buf, 'generate', '--template', JSON.stringify(template)], 'buf generate');
  fs.writeFileSync(stampFile, stamp);
}

/** @returns {Promise<string>} The folder of the .proto files of Spark Connect, from the cache or from Maven. */
async function fetchProtos() {
  const folder = path.join(cache, `spark-protos-${PROTO_JAR.version}`);
  if (fs.existsSync(folder)) return folder;
  return withLock(`${folder}.lock`, () => {
    if (fs.existsSync(folder)) return folder;
    const repository = path.join(cache, 'maven-repository');
    const half = `${folder}.half`;
    fs.rmSync(half, { recursive: true, force: true });
    // Outside a project the plug-in leaves notes of what it unpacked in the working folder; a note of an
    // interrupted run would make the next one unpack nothing.
    const notes = fs.mkdtempSync(path.join(cache, 'maven-work-'));
    run(
      'mvn',
      [
        '-B',
        '-q',
        `-Dmaven.repo.local=${repository}`,
        `${DEPENDENCY_PLUGIN}:unpack`,
        `-Dartifact=org.apache.spark:spark-connect_2.13:${PROTO_JAR.version}`,
        `-DoutputDirectory=${half}`,
        `-Dmdep.unpack.includes=spark/connect/*.proto`,
      ],
      "Maven, to fetch Spark Connect's protocol",
      notes,
    );
    fs.rmSync(notes, { recursive: true, force: true });
    const name = `spark-connect_2.13/${PROTO_JAR.version}/spark-connect_2.13-${PROTO_JAR.version}.jar`;
    const jar = path.join(repository, 'org/apache/spark', name);
    const got = createHash('sha256').update(fs.readFileSync(jar)).digest('hex');
    if (got !== PROTO_JAR.sha256) {
      fs.rmSync(jar);
      stop(`${jar}: expected SHA-256 ${PROTO_JAR.sha256}, got ${got}; the file was removed, try again`);
    }
    fs.rmSync(path.join(half, 'META-INF'), { recursive: true, force: true });
    fs.renameSync(half, folder);
    return folder;
  });
}

function compile() {
  run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], 'tsc');
}

/**
 * Deletes what tsc made of sources that are gone: a deleted test would go on running.
 * @param {string} folder
 */
function prune(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (file === page) continue;
      prune(file);
      if (fs.readdirSync(file).length === 0) fs.rmdirSync(file);
      continue;
    }
    const made = /\.(m?)js(\.map)?$/.exec(entry.name);
    if (!made || folder === dist) continue;
    const source = path.join(root, path.relative(dist, file.slice(0, -made[0].length)));
    if (![`${source}.${made[1]}ts`, `${source}.${made[1]}js`].some((name) => fs.existsSync(name)))
      fs.rmSync(file);
  }
}

function compileKernel() {
  const entry = 'clients/postgres/kernel';
  const wasm = path.join(dist, 'clients/postgres/kernel.wasm');
  const stampFile = path.join(dist, '.kernel');
  // Its memory is laid out once and never freed, so it has no garbage collector; nothing in it throws.
  const options = ['-O3', '--runtime', 'stub', '--noAssert', '--use', 'abort=', '--enable', 'simd'];
  const sources = hashOf([path.join(root, entry), path.join(root, 'domain/event/plain')]);
  const stamp = [sources, ...options].join(' ');
  if (fs.existsSync(wasm) && readText(stampFile) === stamp) return;
  const compiler = path.join(root, 'node_modules/assemblyscript/bin/asc.js');
  run(process.execPath, [compiler, `${entry}/index.ts`, '--outFile', `${wasm}.half`, ...options], 'asc');
  fs.renameSync(`${wasm}.half`, wasm);
  fs.writeFileSync(stampFile, stamp);
}

/** The bundle is made at build time, so that a worker is ready in half a second instead of four. */
async function bundleWorkflows() {
  const workflowsPath = path.join(dist, 'workflows/index.js');
  if (!fs.existsSync(workflowsPath)) return;
  const bundle = path.join(dist, 'workflow-bundle.js');
  const stampFile = path.join(dist, '.workflow-bundle');
  const stamp = hashOf([path.join(dist, 'workflows'), path.join(dist, 'domain')]);
  if (fs.existsSync(bundle) && readText(stampFile) === stamp) return;
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const quiet = () => undefined;
  const logger = {
    log: quiet,
    trace: quiet,
    debug: quiet,
    info: quiet,
    warn: console.error,
    error: console.error,
  };
  const { code } = await bundleWorkflowCode({ workflowsPath, logger });
  fs.writeFileSync(`${bundle}.half`, code);
  fs.renameSync(`${bundle}.half`, bundle);
  fs.writeFileSync(stampFile, stamp);
}

async function bundlePage() {
  const stampFile = path.join(dist, '.page');
  const own = createHash('sha256').update(fs.readFileSync(path.join(root, 'infra/buildPage.mjs')));
  const stamp = own.update(hashOf([path.join(root, 'web/page'), path.join(root, 'web/view')])).digest('hex');
  if (fs.existsSync(path.join(page, 'index.html')) && readText(stampFile) === stamp) return;
  const { buildPage } = await import('./buildPage.mjs');
  await buildPage(root, page);
  fs.writeFileSync(stampFile, stamp);
}

/** @param {string[]} folders */
function hashOf(folders) {
  const hash = createHash('sha256').update(readText(path.join(root, 'package-lock.json')) ?? '');
  for (const folder of folders) {
    for (const name of fs.readdirSync(folder, { recursive: true }).map(String).sort()) {
      if (/\.(js|tsx?|css|html)$/.test(name))
        hash.update(name).update(fs.readFileSync(path.join(folder, name)));
    }
  }
  return hash.digest('hex');
}

/**
 * @param {string} command @param {string[]} args
 * @param {string} what Named when it fails. @param {string} [cwd]
 */
function run(command, args, what, cwd = root) {
  const { error, status } = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error && /** @type {{ code?: string }} */ (error).code === 'ENOENT') {
    stop(`${command} was not found on PATH. It is needed once: install Maven (and a JDK of 17 or later).`);
  }
  if (error) throw error;
  if (status !== 0) stop(`${what} failed (exit code ${status})`);
}

/** @param {string} file */
function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

/** @param {string} file */
function readJson(file) {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}
