/**
 * The folders outside the project. `CLICKSTREAM_STATE_DIR` (the servers' data, logs, pids and servers.json) and
 * `CLICKSTREAM_CACHE_DIR` (downloaded programs) win; else the XDG folders; for root paths that the servers'
 * other uids may enter, which /root is not.
 */
export interface User {
  /** undefined where the system has no uids. */
  readonly uid: number | undefined;
  readonly home: string;
}
type Environment = Readonly<Record<string, string | undefined>>;

export const stateDir = (env: Environment, user: User): string =>
  env['CLICKSTREAM_STATE_DIR'] ||
  (user.uid === 0
    ? '/var/lib/clickstream'
    : `${env['XDG_STATE_HOME'] || `${user.home}/.local/state`}/clickstream`);

export const cacheDir = (env: Environment, user: User): string =>
  env['CLICKSTREAM_CACHE_DIR'] ||
  (user.uid === 0
    ? '/var/cache/clickstream'
    : `${env['XDG_CACHE_HOME'] || `${user.home}/.cache`}/clickstream`);

/** Addresses and secrets of the servers that `up` started, inside the state folder. */
export const SERVERS_FILE = 'servers.json';
