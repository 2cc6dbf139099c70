import type pg from 'pg';

/** Where Spark finds PostgreSQL. The connection's own address and user, never its password. */
export function jdbcUrl(configured: string | undefined, client: pg.ClientBase): string {
  if (configured !== undefined) return configured;
  const { host, port, database, user, ssl } = client as unknown as Partial<pg.Client>;
  const address = host === undefined || host.startsWith('/') ? 'localhost' : host;
  const bracketed = address.includes(':') ? `[${address}]` : address;
  const parameters = new URLSearchParams();
  if (user !== undefined) parameters.set('user', user);
  if (ssl) parameters.set('sslmode', 'require');
  const query = parameters.toString();
  return `jdbc:postgresql://${bracketed}:${port ?? 5432}/${encodeURIComponent(database ?? '')}${query && `?${query}`}`;
}

export interface JdbcRead {
  readonly url: string;
  readonly source: string;
  /** Absent: the connection sees what is there when it reads. */
  readonly snapshot?: string;
  /** Of the server that the snapshot was exported by: another one may have a snapshot of the same id. */
  readonly systemId?: string | undefined;
  /** By which the queries that Spark runs in PostgreSQL can be found and cancelled. */
  readonly applicationName: string;
  readonly statementTimeoutMs: number;
}

/**
 * Options of a JDBC read inside an exported snapshot. BEGIN, since `SET TRANSACTION …` alone would be silently
 * without effect in autocommit.
 */
export function jdbcOptions(read: JdbcRead): Record<string, string> {
  const { snapshot, systemId } = read;
  if (snapshot !== undefined && !/^[0-9A-F-]+$/i.test(snapshot))
    throw new Error(`not a snapshot id: ${snapshot}`);
  return {
    // In the URL: Spark lowers the case of option names, and the driver does not know `applicationname`.
    url: `${read.url}${read.url.includes('?') ? '&' : '?'}ApplicationName=${encodeURIComponent(read.applicationName)}`,
    driver: 'org.postgresql.Driver',
    dbtable: read.source,
    // 0, the default, would load everything into memory at once.
    fetchsize: '10000',
    sessionInitStatement:
      'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ' +
      (snapshot === undefined ? '' : `SET TRANSACTION SNAPSHOT '${snapshot}'; `) +
      (systemId === undefined ? '' : `${refuseOthers(systemId)}; `) +
      // By the planner's guesses of lookups, which are far too high, it would compile each time what runs for moments.
      'SET LOCAL jit = off; ' +
      `SET LOCAL statement_timeout = ${Math.round(read.statementTimeoutMs)}`,
  };
}

/** Fails on every other server: a text that no integer is made of is cast only where a row passes. */
function refuseOthers(systemId: string): string {
  if (!/^\d+$/.test(systemId)) throw new Error(`not a system identifier: ${systemId}`);
  return (
    `SELECT ('not the PostgreSQL to read: ' || system_identifier)::integer FROM pg_control_system() ` +
    `WHERE system_identifier <> ${systemId}`
  );
}
