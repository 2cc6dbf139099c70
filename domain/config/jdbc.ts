/**
 * PostgreSQL's address as Spark sees it, derived where SPARK_JDBC_URL does not say it. Never with a password:
 * credentials belong into a service file on Spark's host. A server on loopback that asks no password gets its
 * user along, since there is nothing to keep secret.
 */

/** sslmode values that libpq and the JDBC driver share. */
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Whether the address of a URL leads to the very machine that uses it, which is another one for each user. */
export function isLoopback(url: string): boolean {
  const host = /^[a-z:]+\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?;]*)/.exec(url)?.[1] ?? '';
  return LOOPBACK.test(host.toLowerCase());
}

/** Undefined for an address without a host (a Unix socket), which JDBC cannot reach. */
export function jdbcFromUrl(text: string): string | undefined {
  const url = new URL(text);
  const host = url.hostname;
  if (host === '' || host.includes('%2F') || url.searchParams.has('host')) return undefined;
  const user = decodeURIComponent(url.username);
  return jdbcUrl({
    host,
    port: url.port,
    database: decodeURIComponent(url.pathname.slice(1)) || user,
    user: url.password === '' ? user : '',
    sslMode: url.searchParams.get('sslmode') ?? '',
  });
}

export function jdbcFromEnvironment(get: (name: string) => string | undefined): string | undefined {
  const host = get('PGHOST') ?? '';
  if (host === '' || host.startsWith('/')) return undefined;
  const user = get('PGUSER') ?? '';
  return jdbcUrl({
    host: host.includes(':') ? `[${host}]` : host,
    port: get('PGPORT') ?? '',
    database: get('PGDATABASE') ?? user,
    user: get('PGPASSWORD') === undefined ? user : '',
    sslMode: get('PGSSLMODE') ?? '',
  });
}

function jdbcUrl(to: {
  host: string;
  port: string;
  database: string;
  user: string;
  sslMode: string;
}): string {
  const options = new URLSearchParams();
  if (to.user !== '' && LOOPBACK.test(to.host)) options.set('user', to.user);
  if (SSL_MODES.includes(to.sslMode)) options.set('sslmode', to.sslMode);
  const query = options.size === 0 ? '' : `?${options.toString()}`;
  return `jdbc:postgresql://${to.host}:${to.port || '5432'}/${encodeURIComponent(to.database)}${query}`;
}
