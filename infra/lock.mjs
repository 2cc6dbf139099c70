// @ts-check
/** A lock between processes: a file that names its holder. A holder that died leaves no lock behind. */
import { linkSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess, startTime } from './processId.mjs';

let tries = 0;

/**
 * Runs `work` while no other process holds the lock.
 * @template T
 * @param {string} file The lock's path; its folder is made.
 * @param {() => Promise<T> | T} work
 * @param {{ onWait?: (holder: number) => void, signal?: AbortSignal }} [options] `onWait` is told once whom we wait for.
 * @returns {Promise<T>}
 */
export async function withLock(file, work, options = {}) {
  mkdirSync(path.dirname(file), { recursive: true });
  let told = false;
  while (!take(file)) {
    const holder = holderOf(file);
    if (holder === undefined) continue;
    if (!told) options.onWait?.(holder);
    told = true;
    await sleep(200, undefined, options.signal ? { signal: options.signal } : {});
  }
  try {
    return await work();
  } finally {
    unlinkSync(file);
  }
}

/**
 * Takes the lock if nobody has it, and waits for nobody.
 * @param {string} file The lock's path; its folder is made.
 * @returns {(() => void) | undefined} Gives it back; undefined: somebody has it, this process included.
 */
export function tryLock(file) {
  mkdirSync(path.dirname(file), { recursive: true });
  while (!take(file)) if (holderOf(file) !== undefined) return undefined;
  return () => unlinkSync(file);
}

/**
 * The content is complete before the name appears (link), so nobody reads half a holder.
 * @param {string} file
 */
function take(file) {
  const mine = `${file}.${process.pid}.${tries++}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startTime(process.pid) }));
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    unlinkSync(mine);
  }
}

/**
 * @param {string} file
 * @returns {number | undefined} Undefined when the lock was free or its holder is gone: try again.
 */
function holderOf(file) {
  const holder = read(file);
  if (holder === undefined) return undefined;
  if (isSameProcess(holder.pid, holder.started)) return holder.pid;
  // Two may see the same dead holder: only one of them can rename this file away, and only if it still is that one.
  const grave = `${file}.dead.${process.pid}.${tries++}`;
  try {
    renameSync(file, grave);
    const buried = read(grave);
    if (buried && isSameProcess(buried.pid, buried.started)) linkSync(grave, file);
    unlinkSync(grave);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  }
  return undefined;
}

/**
 * @param {string} file
 * @returns {{ pid: number, started: string } | undefined}
 */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @param {unknown} error */
const codeOf = (error) => /** @type {{ code?: string }} */ (error).code;
