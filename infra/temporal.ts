/** Temporal's development server with its web UI, built from Go modules where no `temporal` of the series is installed. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { SEARCH_ATTRIBUTES } from '../domain/names.js';
import { SetUpFailed } from './failure.js';
import { whichSync } from './java.js';
import { withLock } from './lock.mjs';
import type { Place, Report, ServerDefinition } from './model.js';
import { LOOPBACK, answers } from './ports.js';
import { projectRoot } from './root.js';

const moduleFolder = path.join(projectRoot, 'infra', 'temporal');
const PACKAGE = 'github.com/temporalio/cli/cmd/temporal';
/** Packages that `go build -v` names, and the CPU seconds that they cost: only for the estimate. */
const BUILD = { packages: 1_500, cpuSeconds: 440 };
const run = promisify(execFile);

interface Program {
  readonly binary: string;
}

export const temporal: ServerDefinition<'temporal', Program> = {
  name: 'temporal',
  usualPorts: { main: 7233, ui: 8233, http: 7243, metrics: 7253 },
  startSeconds: 3,
  stopSignal: 'SIGTERM',
  async prepare(place, report) {
    return { binary: (await installed(place)) ?? (await build(place, report)) };
  },
  configure(place, { binary }, ports) {
    mkdirSync(place.dir, { recursive: true, mode: 0o700 });
    const attributes = Object.values(SEARCH_ATTRIBUTES);
    return Promise.resolve({
      file: binary,
      args: [
        'server',
        'start-dev',
        '--ip',
        LOOPBACK,
        // Every port is named: those left out would be drawn at random.
        ...['--port', String(ports.main)],
        ...['--ui-port', String(ports['ui'])],
        ...['--http-port', String(ports['http'])],
        ...['--metrics-port', String(ports['metrics'])],
        // With a file, workflows and schedules survive a restart.
        ...['--db-filename', path.join(place.dir, 'temporal.db')],
        // Else each step of a workflow is a journal made, synced and deleted: a tenth of what ingest can do. A killed
        // server loses nothing; when the machine itself goes down, the last moments of workflows may be missing, and
        // what they had done PostgreSQL's ledger still knows.
        ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
        ...['--log-level', 'warn'],
        ...attributes.flatMap((attribute) => ['--search-attribute', `${attribute}=Keyword`]),
      ],
      cwd: place.dir,
      env: place.env,
    });
  },
  async isReady(place, { binary }, ports) {
    if (!(await answers(ports.main)) || !(await answers(ports.ui ?? 0))) return false;
    const health = ['operator', 'cluster', 'health', '--address', `${LOOPBACK}:${ports.main}`];
    return run(binary, health, { env: clientEnvironment(place), signal: place.signal }).then(
      ({ stdout }) => stdout.includes('SERVING'),
      () => false,
    );
  },
  addresses: (_place, ports) => ({
    address: `${LOOPBACK}:${ports.main}`,
    namespace: 'default',
    uiUrl: `http://${LOOPBACK}:${ports['ui']}`,
  }),
};

/** Somebody's TEMPORAL_API_KEY or TLS settings are meant for another server than ours. */
function clientEnvironment(place: Place): Place['env'] {
  return Object.fromEntries(Object.entries(place.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/** The version that go.mod pins, as `[1, 5, 1]`. */
function pinnedVersion(): string {
  const goMod = readFileSync(path.join(moduleFolder, 'go.mod'), 'utf8');
  const version = /github\.com\/temporalio\/cli v(\S+)/.exec(goMod)?.[1];
  if (version === undefined)
    throw new Error(`${moduleFolder}/go.mod does not require github.com/temporalio/cli`);
  return version;
}

/** A `temporal` on PATH of the pinned series (1.5.x) saves the build. */
async function installed(place: Place): Promise<string | undefined> {
  const binary = whichSync('temporal', place.env);
  if (!binary) return undefined;
  const series = pinnedVersion().split('.').slice(0, 2).join('.');
  const { stdout } = await run(binary, ['--version']).catch(() => ({ stdout: '' }));
  return stdout.includes(`temporal version ${series}.`) ? binary : undefined;
}

async function build(place: Place, report: Report): Promise<string> {
  const go = await findGo(place);
  const version = pinnedVersion();
  const flags = ['-trimpath', `-ldflags=-s -w -X github.com/temporalio/cli/temporalcli.Version=${version}`];
  const key = createHash('sha256')
    .update(readFileSync(path.join(moduleFolder, 'go.sum')))
    .update([go.version, ...flags].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const binary = path.join(place.cacheDir, `temporal-${version}-${key}`);
  if (existsSync(binary)) return binary;
  const onWait = (pid: number) => report(`waiting for the build of process ${pid}`);
  await withLock(`${binary}.lock`, () => compile(place, go.file, binary, flags, report), {
    onWait,
    signal: place.signal,
  });
  return binary;
}

async function findGo(place: Place): Promise<{ file: string; version: string }> {
  const file = whichSync('go', place.env);
  if (!file) {
    throw new SetUpFailed(
      `Temporal is built from source: no go on PATH. Install Go, or a temporal ${pinnedVersion()} on PATH, ` +
        `or name a server of your own in TEMPORAL_ADDRESS`,
    );
  }
  const { stdout } = await run(file, ['env', 'GOVERSION'], { cwd: moduleFolder });
  return { file, version: stdout.trim() };
}

async function compile(
  place: Place,
  go: string,
  binary: string,
  flags: readonly string[],
  report: Report,
): Promise<void> {
  if (existsSync(binary)) return;
  // Caches of our own, so that deleting them afterwards (3 GB) takes nothing from anybody.
  const caches = path.join(place.cacheDir, 'go-build');
  mkdirSync(caches, { recursive: true });
  const half = `${binary}.half`;
  const env = {
    ...place.env,
    GOCACHE: path.join(caches, 'cache'),
    GOMODCACHE: path.join(caches, 'modules'),
    // Modules are written read-only by default, and could not be deleted.
    GOFLAGS: '-modcacherw -buildvcs=false',
    CGO_ENABLED: '0',
  };
  const expected = BUILD.cpuSeconds / Math.min(os.availableParallelism(), 6);
  report('downloading modules', expected);
  const started = Date.now();
  let packages = 0;
  const failure = await runBuild(place, go, ['build', '-v', ...flags, '-o', half, PACKAGE], env, (line) => {
    if (line.startsWith('go: downloading')) return;
    packages += 1;
    if (packages % 10 === 0) report(...progressOf(packages, started, expected));
  });
  if (failure !== undefined) throw new SetUpFailed(`Temporal: go build failed:\n${failure}`);
  renameSync(half, binary);
  deleteInBackground(caches);
}

/** 3 GB in many small files took up to a minute: nobody has to wait for that. */
function deleteInBackground(folder: string): void {
  const doomed = `${folder}.delete-${process.pid}`;
  renameSync(folder, doomed);
  spawn('rm', ['-rf', doomed], { detached: true, stdio: 'ignore' }).unref();
}

function progressOf(packages: number, started: number, expected: number): [string, number] {
  const done = Math.min(packages / BUILD.packages, 0.99);
  const elapsed = (Date.now() - started) / 1_000;
  // The last packages are the largest, so early counts promise too much: weigh in what it usually takes.
  const left =
    done < 0.5 ? Math.max(expected - elapsed, expected * (1 - done) * 0.5) : (elapsed / done) * (1 - done);
  return [
    `building, ${packages.toLocaleString('en')} of about ${BUILD.packages.toLocaleString('en')} packages`,
    left,
  ];
}

/** @returns What went wrong, or undefined. */
async function runBuild(
  place: Place,
  go: string,
  args: readonly string[],
  env: Place['env'],
  onLine: (line: string) => void,
): Promise<string | undefined> {
  const child = spawn(go, args, {
    cwd: moduleFolder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: place.signal,
  });
  // The longest job of all must not starve the servers that start meanwhile.
  if (child.pid !== undefined) os.setPriority(child.pid, 10);
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(`  ${line}`);
    if (last.length > 12) last.shift();
    onLine(line);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return code === 0 ? undefined : last.join('\n');
}
