import pg from 'pg';
import type { Servers } from '../../domain/config/config.js';
import { silentLogger, type Logger } from '../../domain/logger.js';
import { mapPgError } from './errors.js';
import { quoteIdent } from './sql.js';

export { mapPgError } from './errors.js';

export interface Postgres {
  readonly pool: pg.Pool;
  /** The schema, which carries the installation's name. */
  readonly name: string;
  close(): Promise<void>;
}

export interface PostgresOptions {
  /** Connections at most; minimum 2 (a writer and the attempt that ends a zombie's lock); default 10. */
  readonly max?: number;
  /** How long a new connection may take, ms; default 10,000. */
  readonly connectMs?: number;
  readonly logger?: Logger;
}

/**
 * Where and how to connect: the URL, or pg's own PG* variables. Every connection finds the installation's schema
 * first and speaks UTC; options that the URL or PGOPTIONS already carry are kept.
 */
export function connectionConfig(servers: Servers, name: string): pg.ClientConfig {
  const ours = `-c search_path=${quoteIdent(name)},public -c timezone=UTC -c datestyle=ISO`;
  const { url } = servers.postgres;
  if (url === undefined) {
    const given = process.env.PGOPTIONS;
    return { options: given === undefined ? ours : `${given} ${ours}` };
  }
  // pg lets the URL's own `options` win over ours, so ours must be put into it.
  const [base = '', query = ''] = url.split(/\?(.*)/s);
  const params = new URLSearchParams(query);
  const given = params.get('options');
  params.set('options', given === null ? ours : `${given} ${ours}`);
  return { connectionString: `${base}?${params.toString().replaceAll('+', '%20')}` };
}

/** A pool of connections; nothing connects before the first query. */
export function openPostgres(servers: Servers, name: string, options: PostgresOptions = {}): Postgres {
  const logger = options.logger ?? silentLogger;
  const pool = new pg.Pool({
    ...connectionConfig(servers, name),
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectMs ?? 10_000,
    keepAlive: true,
    application_name: `${name}:clickstream`,
  });
  // Without a listener, a restart of PostgreSQL would end this process through an idle connection.
  pool.on('error', (e) => logger.warn({ err: e.message }, 'an idle PostgreSQL connection was lost'));
  let closed: Promise<void> | undefined;
  return { pool, name, close: () => (closed ??= pool.end()) };
}

/**
 * Lends a connection under an application_name. On failure the connection is thrown away (it may be inside a
 * transaction or a COPY) and the error mapped by `mapPgError`.
 */
export async function withClient<T>(
  postgres: Postgres,
  application: string,
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await postgres.pool.connect();
  } catch (e) {
    throw mapPgError(e);
  }
  // The pool listens to idle connections only; a lent one that breaks between two queries would end the process.
  let broken: Error | undefined;
  const onError = (e: Error): void => {
    broken ??= e;
  };
  client.on('error', onError);
  try {
    await client.query("SELECT set_config('application_name', $1, false)", [application]);
    const result = await use(client);
    client.removeListener('error', onError);
    client.release(broken);
    return result;
  } catch (e) {
    client.release(e instanceof Error ? e : new Error(String(e)));
    throw mapPgError(e);
  }
}

/** BEGIN … COMMIT around `use`; any error rolls back and passes on (the caller gives the connection up). */
export async function inTransaction<T>(client: pg.ClientBase, use: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await use();
    await client.query('COMMIT');
    return result;
  } catch (e) {
    // A connection that is gone cannot roll back, and the server has done it already.
    await client.query('ROLLBACK').catch(() => undefined);
    throw e;
  }
}
