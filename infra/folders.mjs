// @ts-check
/**
 * The cache folder, which outlives a clone. Plain JavaScript, because the build needs it before anything is built.
 *
 * For root it is a place that another uid may enter: PostgreSQL and Elasticsearch refuse to run as root, and
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
