/** A disk of a few megabytes for what a test starts on it, to be filled and emptied while it runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, ftruncateSync, openSync, rmSync, fstatSync, writeSync } from 'node:fs';
import path from 'node:path';

export interface SmallDisk {
  /** In front of a command that shall see the disk; the command takes its place (`exec`). */
  readonly inside: readonly string[];
  /** Where this process finds a file of it. */
  path(file: string): string;
  /** Takes all room but so many bytes (whole pages of 4 KiB; default 0). */
  fill(leave?: number): void;
  /** Gives it back. */
  empty(): void;
}

const PAGE = 4096;
const CHUNK = 256 * PAGE;

/**
 * Lends a tmpfs mounted at a folder in a mount namespace of its own: only commands that are run `inside` see it, and it
 * goes with the last of them. Needs Linux, with root's rights or with user namespaces for everybody.
 */
export async function withSmallDisk(
  { folder, bytes }: { readonly folder: string; readonly bytes: number },
  use: (disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat';
  const holder = spawn(
    'unshare',
    [
      '--mount',
      ...(uid === 0 ? [] : ['--map-root-user']),
      ...['sh', '-c', script, 'sh', String(bytes), folder],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = once(holder, 'exit');
  try {
    const mounted = await Promise.race([once(holder.stdout, 'data'), ended.then(() => undefined)]);
    if (mounted === undefined) throw new Error(`no tmpfs could be mounted at ${folder}`);
    const pid = String(holder.pid ?? 0);
    const seen = (file: string): string => path.join(`/proc/${pid}/root`, folder, file);
    const ballast = seen('ballast');
    await use({
      inside:
        uid === 0
          ? ['nsenter', '--mount', '--target', pid]
          : [
              ...['nsenter', '--user', '--mount', '--preserve-credentials', '--target', pid],
              ...['unshare', '--map-user', String(uid), '--map-group', String(gid)],
            ],
      path: seen,
      fill: (leave = 0) => {
        const file = openSync(ballast, 'a');
        try {
          for (const size of [CHUNK, PAGE]) while (isWritten(file, size));
          ftruncateSync(file, Math.max(0, fstatSync(file).size - leave));
        } finally {
          closeSync(file);
        }
      },
      empty: () => rmSync(ballast, { force: true }),
    });
  } finally {
    holder.stdin.end();
    await ended;
  }
}

/** Appends zeros. @returns false when there was no room for all of them */
function isWritten(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes)) === bytes;
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw e;
  }
}
