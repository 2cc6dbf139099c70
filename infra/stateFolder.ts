/** The state folder of this user on this machine. */
import { homedir } from 'node:os';
import { stateDir } from '../domain/folders.js';

export const stateFolder = (env: Readonly<Record<string, string | undefined>>): string =>
  stateDir(env, { uid: process.getuid?.(), home: homedir() });
