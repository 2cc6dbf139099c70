import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { projectRoot, type Settings } from '../../clients/settings/loadConfig.js';
import { UsageError } from '../../domain/errors.js';
import type { Logger } from '../../domain/logger.js';
import { openFreshness } from './freshness.js';
import { createWebServer } from './server.js';
import { readStaticFiles } from './staticFiles.js';

/** Where the page is unless somebody says otherwise. */
export const WEB_PORT = 8380;
export const WEB_HOST = '127.0.0.1';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
/** Requests under way get so long, ms, when the server is closed. */
const GRACE = 2_000;

export interface OpenWebOptions {
  /** Default `WEB_HOST`. */
  readonly host?: string;
  /** 0: any that is free. Default `WEB_PORT`, or any that is free where another process has it. */
  readonly port?: number;
  /** Names besides loopback's and `host` that a request may be for. None, and `host` not loopback: any. */
  readonly allowHosts?: readonly string[];
  readonly logger: Logger;
}

export interface OpenWeb {
  /** Ends with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** As a Host header and a URL have it. */
const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const codeOf = (e: unknown): unknown => (e instanceof Error && 'code' in e ? e.code : undefined);

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

function listenError(e: unknown, host: string, port: number): unknown {
  const cause = { cause: e };
  switch (codeOf(e)) {
    case 'EADDRINUSE':
      return new UsageError(
        `--port: ${host}:${port} is in use; choose another, or 0 for any that is free`,
        cause,
      );
    case 'EACCES':
      return new UsageError(`--port: the right to listen on ${port} is missing`, cause);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new UsageError(`--host: expected an address of this machine, got ${host}`, cause);
    default:
      return e;
  }
}

/**
 * Serves the analysis page of an installation until it is closed.
 * @throws UsageError where host or port cannot be had.
 */
export async function openWeb(settings: Settings, options: OpenWebOptions): Promise<OpenWeb> {
  const { host = WEB_HOST, port = WEB_PORT, allowHosts = [], logger } = options;
  const { name } = settings.config;
  const client = openElasticsearch(settings.servers);
  const index = { client, name };
  const freshness = openFreshness(settings, index);
  const server = createWebServer({
    index,
    freshness,
    files: readStaticFiles(join(projectRoot(), 'dist/web/page')),
    ...((isLoopback(host) || allowHosts.length > 0) && {
      hosts: new Set([...LOOPBACK, inUrl(host), ...allowHosts]),
    }),
    logger,
  });
  const closeClients = async (): Promise<void> => {
    await freshness.close();
    await client.close();
  };
  try {
    await listen(server, port, host).catch((e: unknown) => {
      if (options.port === undefined && codeOf(e) === 'EADDRINUSE') return listen(server, 0, host);
      throw listenError(e, host, port);
    });
  } catch (e) {
    await closeClients();
    throw e;
  }
  // Its first answer takes the longest: it is begun before anybody asks.
  void freshness.read();
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${inUrl(host)}:${taken}/`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const impatient = setTimeout(() => server.closeAllConnections(), GRACE);
      await closed;
      clearTimeout(impatient);
      await closeClients();
    },
  };
}
