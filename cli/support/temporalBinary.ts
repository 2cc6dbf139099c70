import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ConfigurationError } from '../../domain/errors.js';
import { cacheDir } from '../../domain/folders.js';

/**
 * The `temporal` program: the one that set-up built into the cache folder (newest first), else the one on PATH.
 * @throws ConfigurationError when there is neither.
 */
export function temporalBinary(env: NodeJS.ProcessEnv = process.env): string {
  const cache = cacheDir(env, { uid: process.getuid?.(), home: homedir() });
  const built = list(cache)
    .filter((entry) => entry.startsWith('temporal-'))
    .sort()
    .reverse()
    .map((entry) => join(cache, entry));
  const onPath = (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'temporal'));
  const found = [...built, ...onPath].find(isProgram);
  if (found === undefined)
    throw new ConfigurationError(
      `temporal: expected the program in ${cache} or on PATH, found neither; \`npx clickstream up --only temporal\` brings it`,
    );
  return found;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
