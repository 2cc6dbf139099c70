import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { SpoolUnavailable } from '../domain/errors.js';

/** A spool's folder and the right to it. */
export interface HeldSpool {
  readonly id: string;
  readonly folder: string;
  release(): Promise<void>;
}

/**
 * Takes the first spool under `root` that no living process holds, or makes one: a restarted worker finds its
 * files. Each claimant first writes `held-by-<host>-<pid>-<start>`, then looks who else has: two at once see each
 * other and both go on, so nobody ever shares one. The start time tells a process from a later one of the same pid.
 */
export async function holdSpool(root: string): Promise<HeldSpool> {
  await makeFolder(root);
  const entries = await readdir(root, { withFileTypes: true });
  const known = entries.filter((e) => e.isDirectory() && /^[0-9a-f]{12}$/.test(e.name)).map((e) => e.name);
  for (const id of [...known.sort(), randomBytes(6).toString('hex')]) {
    const held = await tryHold(root, id);
    if (held !== undefined) return held;
  }
  return holdSpool(root);
}

/** With those above it. Node's own way never ends where a folder that is there takes none, as under /proc. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    const above = dirname(folder);
    if (code !== 'ENOENT' || above === folder) throw e;
    if (existsSync(above))
      throw new SpoolUnavailable(
        `the spool ${folder} cannot be made: ${above} takes no folders. Set ingest.spool.dir to another place`,
        { cause: e },
      );
    await makeFolder(above);
    await makeFolder(folder);
  }
}

const PREFIX = 'held-by-';
const HOST = Buffer.from(hostname()).toString('hex').slice(0, 40);

async function tryHold(root: string, id: string): Promise<HeldSpool | undefined> {
  const folder = join(root, id);
  await makeFolder(folder);
  // The tail tells two spools of one process apart.
  const mine = `${PREFIX}${HOST}-${process.pid}-${await startOf(process.pid)}-${randomBytes(3).toString('hex')}`;
  await writeFile(join(folder, mine), '', { mode: 0o600 });
  const release = (): Promise<void> => rm(join(folder, mine), { force: true });
  for (const other of await readdir(folder)) {
    if (!other.startsWith(PREFIX) || other === mine) continue;
    const [host = '', pid = '', start = ''] = other.slice(PREFIX.length).split('-');
    if (host === HOST && (await startOf(Number(pid))) !== start)
      await rm(join(folder, other), { force: true });
    else {
      await release();
      return undefined;
    }
  }
  return { id, folder, release };
}

/** Start time of a living process in the kernel's own unit; 'gone', or 'alive' where it cannot be told. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold spaces; start time is the 20th field behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'alive';
  } catch {
    try {
      process.kill(pid, 0);
      return 'alive';
    } catch (e) {
      return (e as NodeJS.ErrnoException).code === 'EPERM' ? 'alive' : 'gone';
    }
  }
}
