import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config, Servers } from '../../domain/config/config.js';
import { parseConfig } from '../../domain/config/parse.js';
import { hasServer, parseServers } from '../../domain/config/servers.js';
import type { ServersFile } from '../../domain/config/servers.js';
import { ConfigurationError } from '../../domain/errors.js';
import { SERVERS_FILE, stateDir } from '../../domain/folders.js';
import { whyUnreadable } from '../files/unreadable.js';
import { parseSparkRemote } from '../spark/remote.js';

export interface Settings {
  readonly config: Config;
  readonly servers: Servers;
  /** The configuration file that was read, absolute. */
  readonly file: string;
}

/** The folder of package.json, found from the source tree as from dist/. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

export const ownStateDir = (env: NodeJS.ProcessEnv = process.env): string =>
  stateDir(env, { uid: process.getuid?.(), home: homedir() });

/** What `up` wrote; undefined before the first `up`. @throws ConfigurationError when it cannot be read. */
function readServersJson(folder = ownStateDir()): ServersFile | undefined {
  const file = join(folder, SERVERS_FILE);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ServersFile;
  } catch (cause) {
    throw new ConfigurationError(
      `${file}: expected the JSON that \`clickstream up\` writes, got ${(cause as Error).message}; run \`npx clickstream up\` again`,
      { cause },
    );
  }
}

/**
 * The configuration file (`--config FILE`, else the project's clickstream.yaml) and the servers: the environment
 * first, server by server, then servers.json of the state folder. Connects to nothing.
 * @throws ConfigurationError with every problem, file and line.
 */
export function loadConfig(options: { readonly config?: string | undefined } = {}): Promise<Settings> {
  // Read at once and returned as a promise, so that a later source may be asynchronous.
  return Promise.resolve().then(() => {
    const file =
      options.config === undefined ? join(projectRoot(), 'clickstream.yaml') : resolve(options.config);
    const config = parseConfig(readText(file), file);
    const servers = parseServers(process.env, readServersJson(), (path) => readText(resolve(path)));
    if (hasServer(servers, 'spark')) parseSparkRemote(servers.spark.remote);
    return { config, servers, file };
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigurationError(`${file}: expected a readable file, got ${whyUnreadable(cause)}`, { cause });
  }
}
