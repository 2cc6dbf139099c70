/** servers.json in the state folder: readable by its owner alone, since it holds PostgreSQL's password. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ConfigurationError } from '../domain/errors.js';
import type { StateFile } from './model.js';

const EMPTY: StateFile = { processes: {}, lastPorts: {} };

export const serversFilePath = (stateDir: string): string => path.join(stateDir, 'servers.json');

/**
 * What `up` left there; empty when it never ran.
 * @throws ConfigurationError when the file is not JSON.
 */
export function readServersFile(stateDir: string): StateFile {
  const file = serversFilePath(stateDir);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
    throw error;
  }
  try {
    return { ...EMPTY, ...(JSON.parse(text) as Partial<StateFile>) };
  } catch (cause) {
    throw new ConfigurationError(
      `${file}: expected JSON, got something else; remove it after stopping the servers`,
      {
        cause,
      },
    );
  }
}

/** Changes the file in one step: a reader sees the old content or the new one. */
export function updateServersFile(stateDir: string, change: (file: StateFile) => StateFile): StateFile {
  mkdirSync(stateDir, { recursive: true });
  const file = serversFilePath(stateDir);
  const next = change(readServersFile(stateDir));
  const half = `${file}.${process.pid}.half`;
  writeFileSync(half, `${JSON.stringify(next, undefined, 2)}\n`, { mode: 0o600 });
  chmodSync(half, 0o600);
  renameSync(half, file);
  return next;
}
