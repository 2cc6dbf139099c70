/** What the machine has of what the servers need. */
import { execFile } from 'node:child_process';
import { statfsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from './folders.mjs';
import { findJava, whichSync } from './java.js';
import { existsSync } from 'node:fs';
import { stateFolder } from './stateFolder.js';

export interface Tool {
  readonly name: string;
  readonly found: boolean;
  /** Its version, or what is missing and what for. */
  readonly text: string;
}

const run = promisify(execFile);
type Environment = Readonly<Record<string, string | undefined>>;

export function findTools(env: Environment): Promise<Tool[]> {
  return Promise.all([
    Promise.resolve({ name: 'node', found: true, text: process.versions.node }),
    findJava(env).then(
      ({ version, file }) => ({ name: 'java', found: true, text: `${version}  ${file}` }),
      (error: unknown) => ({ name: 'java', found: false, text: (error as Error).message }),
    ),
    ask('mvn', ['-v'], /Apache Maven ([\d.]+)/, 'downloads Kafka, Spark and Elasticsearch, once', env),
    ask('go', ['env', 'GOVERSION'], /go(\S+)/, 'builds Temporal, once', env),
  ]);
}

async function ask(
  name: string,
  args: string[],
  version: RegExp,
  does: string,
  env: Environment,
): Promise<Tool> {
  const file = whichSync(name, env);
  if (!file) return { name, found: false, text: `not on PATH (it ${does})` };
  const { stdout } = await run(file, args).catch(() => ({ stdout: '' }));
  return { name, found: true, text: `${version.exec(stdout)?.[1] ?? 'unknown version'}  ${file}` };
}

export interface Folder {
  readonly name: 'state' | 'cache';
  readonly folder: string;
  readonly freeBytes: number;
}

/** The folders, and the room on their disks. */
export function findFolders(env: Environment): Folder[] {
  return [
    { name: 'state', folder: stateFolder(env), freeBytes: freeBytes(stateFolder(env)) },
    { name: 'cache', folder: cacheFolder(env), freeBytes: freeBytes(cacheFolder(env)) },
  ];
}

function freeBytes(folder: string): number {
  let existing = path.resolve(folder);
  while (!existsSync(existing)) existing = path.dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}
