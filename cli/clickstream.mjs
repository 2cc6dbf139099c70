#!/usr/bin/env node
// @ts-check
/**
 * The way in, from a clone that has nothing but Node: installs the packages when the lockfile changed, builds
 * when sources did, then hands over to the built command. Node built-ins only.
 */
import { createHash } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 3)) {
  console.error(
    `clickstream needs Node 20.3 or later; this is ${process.versions.node} (${process.execPath})`,
  );
  process.exit(2);
}

// Found by the real path: npx runs this file through a link.
const root = path.dirname(path.dirname(fs.realpathSync(fileURLToPath(import.meta.url))));
const dist = path.join(root, 'dist');
const SOURCES = [
  'domain',
  'clients',
  'activities',
  'workflows',
  'workers',
  'migrations',
  'infra',
  'cli',
  'test',
  'bench',
  'examples',
  'web',
];

try {
  if (!isInstalled() || !isBuilt()) {
    const { withLock } = await import(pathToFileURL(path.join(root, 'infra/lock.mjs')).href);
    const onWait = (/** @type {number} */ holder) => say(`Waiting for the build of process ${holder} …`);
    await withLock(path.join(dist, '.lock'), setUp, { onWait });
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
}

if (
  process.argv[2] === 'worker' &&
  !process.argv.slice(3).some((word) => word === '--help' || word === '-h')
) {
  runWorker(process.argv.slice(3));
} else {
  await import(pathToFileURL(path.join(dist, 'cli/main.js')).href);
}

function setUp() {
  if (!isInstalled()) {
    say('Installing the packages (npm ci) …');
    quietly(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund'], 'npm ci');
    fs.writeFileSync(installStamp(), lockfileHash());
  }
  if (!isBuilt()) {
    say('Building …');
    // Taken before the build, so that an edit made while it runs is built next time.
    const stamp = sourcesHash();
    quietly(process.execPath, [path.join(root, 'infra/build.mjs')], 'The build');
    fs.writeFileSync(buildStamp(), stamp);
  }
}

/** A worker is a process of its own, so that its signals and its exit code are its own. @param {string[]} args */
function runWorker(args) {
  const worker = spawn(process.execPath, [path.join(dist, 'workers/main.js'), ...args], { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    // A terminal's Ctrl-C reaches the worker by itself; a second copy would ask it to hurry.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : worker.kill(signal)));
  }
  worker.on('error', (error) => {
    console.error(`The worker could not be started: ${error.message}`);
    process.exit(2);
  });
  worker.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 0);
  });
}

function installStamp() {
  return path.join(root, 'node_modules/.clickstream-lock');
}

function buildStamp() {
  return path.join(dist, '.sources');
}

function isInstalled() {
  const hash = lockfileHash();
  if (readText(installStamp()) === hash) return true;
  if (!isInstalledByHand()) return false;
  fs.writeFileSync(installStamp(), hash);
  return true;
}

/**
 * Whether somebody ran `npm ci` or `npm install` themselves: npm's own note of what it installed, which it
 * writes last, names the lockfile's versions.
 */
function isInstalledByHand() {
  const installed = readText(path.join(root, 'node_modules/.package-lock.json'));
  if (installed === undefined) return false;
  const have = JSON.parse(installed).packages;
  const wanted = JSON.parse(readText(path.join(root, 'package-lock.json')) ?? '{}').packages ?? {};
  return Object.entries(wanted).every(
    ([name, entry]) =>
      name === '' || (have[name] ? have[name].version === entry.version : entry.optional || entry.peer),
  );
}

function isBuilt() {
  return fs.existsSync(path.join(dist, 'cli/main.js')) && readText(buildStamp()) === sourcesHash();
}

/** Packages built for one platform or Node's module version do not serve another. */
function lockfileHash() {
  const hash = createHash('sha256').update(readText(path.join(root, 'package-lock.json')) ?? '');
  return hash.update(`${process.platform} ${process.arch}`).digest('hex');
}

/** Names, sizes and times: reading every file would take longer than the command itself. */
function sourcesHash() {
  const hash = createHash('sha256').update(lockfileHash());
  for (const name of ['tsconfig.json', 'package.json', ...SOURCES]) note(path.join(root, name), hash);
  return hash.digest('hex');
}

/** @param {string} file @param {import('node:crypto').Hash} hash */
function note(file, hash) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return;
  if (stat.isDirectory()) {
    if (file.endsWith(path.join('spark', 'gen'))) return;
    for (const name of fs.readdirSync(file).sort()) note(path.join(file, name), hash);
  } else if (/\.(tsx?|mjs|json|css|html)$/.test(file)) {
    hash.update(`${path.relative(root, file)} ${stat.size} ${stat.mtimeMs}\n`);
  }
}

/** Runs a step without its chatter; its whole output is shown when it fails. @param {string} command @param {string[]} args @param {string} what */
function quietly(command, args, what) {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 256 * 1024 * 1024,
  });
  if (error) throw new Error(`${what} could not be run: ${error.message}`);
  if (status !== 0) throw new Error(`${stdout}${stderr}${what} failed (exit code ${status})`);
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`${text}\n`);
}

/** @param {string} file */
function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}
