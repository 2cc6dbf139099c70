/** PostgreSQL and Elasticsearch refuse to run as root; then they run as the user that owns nothing. */
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { SetUpFailed } from './failure.js';

/** `nobody` on Linux. */
export const NOBODY = 65_534;
const MAY_ENTER = 0o001;

export const isRoot = (): boolean => process.getuid?.() === 0;

/** Makes a folder that belongs to the server's user, with all that is in it. */
export function ownedFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isRoot()) give(folder);
  return folder;
}

function give(file: string): void {
  const stat = lstatSync(file);
  if (stat.uid !== NOBODY || stat.gid !== NOBODY) chownSync(file, NOBODY, NOBODY);
  if (stat.isDirectory()) for (const name of readdirSync(file)) give(path.join(file, name));
}

/** Gives one file or empty folder to the server's user. */
export function giveFile(file: string): void {
  if (isRoot()) chownSync(file, NOBODY, NOBODY);
}

/**
 * As root: lets the server's user pass through a folder of ours.
 * @throws SetUpFailed naming the folder above it that is closed and not ours to open.
 */
export function letThrough(folder: string, setting: string): void {
  mkdirSync(folder, { recursive: true });
  if (!isRoot()) return;
  const { mode } = statSync(folder);
  if ((mode & MAY_ENTER) === 0) chmodSync(folder, (mode & 0o7777) | MAY_ENTER);
  for (let above = path.dirname(folder); above !== path.dirname(above); above = path.dirname(above)) {
    if ((statSync(above).mode & MAY_ENTER) === 0) {
      throw new SetUpFailed(
        `${above} is closed to other users, but PostgreSQL and Elasticsearch refuse to run as root and must ` +
          `reach ${folder}: set ${setting} to a folder elsewhere`,
      );
    }
  }
}
