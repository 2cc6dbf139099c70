// @ts-check
/**
 * The two folders that outlive a clone. Plain JavaScript, because the build needs them before anything is built.
 *
 * For root both are places that another uid may enter: PostgreSQL and Elasticsearch refuse to run as root, and
 * /root is often closed to everybody else.
 */
import os from 'node:os';
import path from 'node:path';

/** @typedef {Readonly<Record<string, string | undefined>>} Environment */

const isRoot = () => process.getuid?.() === 0;

/**
 * What can be had again: downloads, built programs. Shared by all clones of a machine.
 * @param {Environment} env
 * @returns {string}
 */
export function cacheFolder(env) {
  if (env['CLICKSTREAM_CACHE_DIR']) return path.resolve(env['CLICKSTREAM_CACHE_DIR']);
  if (isRoot()) return '/var/cache/clickstream';
  return path.join(env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'clickstream');
}

/**
 * What cannot: the servers' data, their logs, and servers.json.
 * @param {Environment} env
 * @returns {string}
 */
export function stateFolder(env) {
  if (env['CLICKSTREAM_STATE_DIR']) return path.resolve(env['CLICKSTREAM_STATE_DIR']);
  if (isRoot()) return '/var/lib/clickstream';
  return path.join(env['XDG_STATE_HOME'] || path.join(os.homedir(), '.local', 'state'), 'clickstream');
}
