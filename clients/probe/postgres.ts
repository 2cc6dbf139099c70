import { lookup } from 'node:dns/promises';
import pg from 'pg';
import type { Servers } from '../../domain/config/config.js';
import { IDENTITY, type IdentityRow } from '../postgres/identity.js';
import { connectionConfig, mapPgError } from '../postgres/pool.js';

/** What tells one PostgreSQL from another. */
export interface Primary {
  /** As it was reached: an address, or what Spark was told. */
  readonly address: string;
  readonly version: string;
  /** Of the data directory's making: a copy for reading has its primary's. */
  readonly systemId: string;
  /** True: a standby, which can only be read. */
  readonly standby: boolean;
}

/** Every address that the host's name stands for: one that leads elsewhere makes a batch vanish now and then. */
export async function probePostgres(servers: Servers, name: string, timeoutMs: number): Promise<Primary[]> {
  const config = connectionConfig(servers, name);
  const { host, port } = new pg.Client(config);
  // A folder is a Unix socket, which is one address.
  const found = host.startsWith('/') ? [] : await lookup(host, { all: true }).catch(() => []);
  const addresses = found.length < 2 ? [host] : found.map(({ address }) => address);
  const asked = addresses.map((address) => ask(withHost(config, address), `${address}:${port}`, timeoutMs));
  const answers = await Promise.allSettled(asked);
  const reached = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  // A name often has an IPv6 address that nobody serves; clients pass on to the next one as well.
  if (reached.length > 0) return reached;
  const failed = answers.find((answer) => answer.status === 'rejected');
  throw mapPgError(failed?.reason);
}

function withHost(config: pg.ClientConfig, host: string): pg.ClientConfig {
  if (config.connectionString === undefined) return { ...config, host };
  const url = new URL(config.connectionString);
  url.hostname = host.includes(':') ? `[${host}]` : host;
  return { ...config, connectionString: url.href };
}

async function ask(config: pg.ClientConfig, address: string, timeoutMs: number): Promise<Primary> {
  const client = new pg.Client({
    ...config,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    application_name: 'clickstream:doctor',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<IdentityRow>(IDENTITY);
    const row = rows[0];
    if (!row) throw new Error('PostgreSQL answered without a row');
    return { address, version: row.version, systemId: row.system_id, standby: row.standby };
  } finally {
    await client.end().catch(() => undefined);
  }
}
