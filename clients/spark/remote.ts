import { ConfigurationError } from '../../domain/errors.js';

/** Where Spark Connect listens and as whom we speak. */
export interface SparkRemote {
  /** `http://host:port` or `https://host:port`. */
  readonly baseUrl: string;
  /** `host:port`, for messages: it holds no secret. */
  readonly address: string;
  readonly token?: string;
  readonly userId: string;
  readonly headers: Readonly<Record<string, string>>;
}

const DEFAULT_PORT = 15002;
const USAGE = 'SPARK_REMOTE: expected sc://host:port, optionally with /;use_ssl=true;token=…';

/**
 * Reads Spark's own form of an address, `sc://host:port/;token=…;use_ssl=true;user_id=…`. A token travels over
 * TLS only, unless `use_ssl=false` says that somebody wants it otherwise; further parameters become headers.
 * Errors never repeat the parameters, which may hold the token.
 */
export function parseSparkRemote(remote: string): SparkRemote {
  if (!remote.startsWith('sc://'))
    throw new ConfigurationError(`${USAGE}, got an address that does not begin with sc://`);
  let url: URL;
  try {
    url = new URL(`http://${remote.slice('sc://'.length)}`);
  } catch (e) {
    throw new ConfigurationError(`${USAGE}, got a host or port that cannot be read`, { cause: e });
  }
  if (!/^\/?(;.*)?$/.test(url.pathname))
    throw new ConfigurationError(`${USAGE}, got a path that does not begin with /;`);
  const parameters = new Map<string, string>();
  for (const part of url.pathname.replace(/^\/?;?/, '').split(';')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    if (at < 1) throw new ConfigurationError(`${USAGE}, got a parameter without "="`);
    parameters.set(part.slice(0, at), decodeURIComponent(part.slice(at + 1)));
  }
  const take = (name: string): string | undefined => {
    const value = parameters.get(name);
    parameters.delete(name);
    return value;
  };
  const token = take('token');
  const ssl = take('use_ssl') ?? (token === undefined ? 'false' : 'true');
  if (!['true', 'false'].includes(ssl))
    throw new ConfigurationError('SPARK_REMOTE: expected use_ssl to be true or false');
  const userId = take('user_id') ?? 'clickstream';
  // The client makes its own session; a user agent says nothing that our client type does not say.
  take('session_id');
  take('user_agent');
  const address = `${url.hostname}:${url.port || DEFAULT_PORT}`;
  return {
    baseUrl: `${ssl === 'true' ? 'https' : 'http'}://${address}`,
    address,
    ...(token !== undefined && { token }),
    userId,
    headers: Object.fromEntries(parameters),
  };
}
