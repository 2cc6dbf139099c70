import { ConfigurationError } from '../../domain/errors.js';

/** Where Spark Connect listens and as whom we speak. */
export interface SparkRemote {
  /** `http://host:port` or `https://host:port`. */
  readonly baseUrl: string;
  /** `host:port`, for messages: it holds no secret. */
  readonly address: string;
  readonly token?: string;
  readonly userId: string;
  /** What the server's log calls us. */
  readonly clientType: string;
  readonly headers: Readonly<Record<string, string>>;
}

const DEFAULT_PORT = 15002;
const FORM = 'sc://host:port, optionally with /;use_ssl=true;token=…';
/** What HTTP/2 allows in a header's name. */
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;
/** Headers that gRPC writes by itself. */
const RESERVED_HEADER =
  /^(grpc-.*|content-type|content-length|te|host|connection|transfer-encoding|upgrade)$/i;
const PRINTABLE = /^[\x20-\x7e]+$/;

const wrong = (what: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError(`SPARK_REMOTE: ${what}`, ...(cause === undefined ? [] : [{ cause }]));

/**
 * Reads Spark's own form of an address, `sc://host:port/;token=…;use_ssl=true`.
 *
 * | parameter    | is                                                                                          |
 * | ------------ | ------------------------------------------------------------------------------------------- |
 * | `use_ssl`    | true or false; absent: true where there is a token, else false                              |
 * | `token`      | sent as `authorization: Bearer …`; over plain text only where `use_ssl=false` says so       |
 * | `user_id`    | whose sessions they are, default `clickstream`                                              |
 * | `user_agent` | what the server's log calls us, default `clickstream`                                       |
 * | `session_id` | refused: sessions are made, noticed as lost and replaced here                               |
 * | others       | sent as headers, which proxies in front of Spark want                                       |
 *
 * Errors name the parameter and never repeat a value that may be secret. @throws ConfigurationError
 */
export function parseSparkRemote(remote: string): SparkRemote {
  if (!remote.startsWith('sc://'))
    throw wrong(`expected ${FORM}, got an address that does not begin with sc://`);
  const { hostname, port, pathname } = readAddress(remote.slice('sc://'.length));
  const parameters = readParameters(pathname.replace(/^\/?;?/, ''));
  const take = (name: string): string | undefined => {
    const value = parameters.get(name);
    parameters.delete(name);
    return value;
  };
  if (take('session_id') !== undefined)
    throw wrong(
      'parameter "session_id" cannot be chosen: leave it out, sessions are made as they are needed',
    );
  const token = take('token');
  if (token !== undefined && !PRINTABLE.test(token))
    throw wrong('parameter "token": expected printable ASCII, got another character or nothing');
  const ssl = take('use_ssl') ?? (token === undefined ? 'false' : 'true');
  if (ssl !== 'true' && ssl !== 'false') throw wrong('parameter "use_ssl": expected true or false');
  const userId = take('user_id') ?? 'clickstream';
  const clientType = take('user_agent') ?? 'clickstream';
  for (const [name, value] of [
    ['user_id', userId],
    ['user_agent', clientType],
  ] as const)
    if (value === '') throw wrong(`parameter "${name}": expected a text, got nothing`);
  for (const [name, value] of parameters) {
    if (!HEADER_NAME.test(name) || RESERVED_HEADER.test(name))
      throw wrong(`parameter ${JSON.stringify(name)}: expected a name that a header may have`);
    if (token !== undefined && name.toLowerCase() === 'authorization')
      throw wrong('parameter "authorization": expected it or "token", got both');
    if (!PRINTABLE.test(value))
      throw wrong(`parameter "${name}": expected printable ASCII, got another character or nothing`);
  }
  const address = `${hostname}:${port}`;
  return {
    baseUrl: `${ssl === 'true' ? 'https' : 'http'}://${address}`,
    address,
    ...(token !== undefined && { token }),
    userId,
    clientType,
    headers: Object.fromEntries(parameters),
  };
}

function readAddress(text: string): { hostname: string; port: number; pathname: string } {
  if (/^[^/]*;/.test(text)) throw wrong(`expected ${FORM}, got parameters that do not begin with /;`);
  let url: URL;
  try {
    url = new URL(`http://${text}`);
  } catch (e) {
    throw wrong(`expected ${FORM}, got a host or port that cannot be read`, e);
  }
  if (url.username !== '' || url.password !== '')
    throw wrong(`expected ${FORM}, got a user or password before the host: give a token`);
  if (url.search !== '' || url.hash !== '')
    throw wrong(`expected ${FORM}, got "?" or "#": write them as %3F and %23 in a parameter's value`);
  if (!/^\/?(;.*)?$/.test(url.pathname))
    throw wrong(`expected ${FORM}, got a path that does not begin with /;`);
  // Of a URL's port the scheme's own is left out.
  const written = /^[^/]*?:(\d+)(?:\/|$)/.exec(text.replace(/^\[[^\]]*\]/, ''))?.[1];
  const port = written === undefined ? DEFAULT_PORT : Number(written);
  if (port === 0) throw wrong('expected a port from 1 to 65535, got 0');
  return { hostname: url.hostname, port, pathname: url.pathname };
}

function readParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part === '') continue;
    const at = part.indexOf('=');
    // It may be a secret's second half: a ";" in a token must be written as %3B.
    if (at < 1) throw wrong('expected parameters as name=value between ";", got one without a name or "="');
    const written = part.slice(0, at);
    // A space of the name is %20 by now.
    const name = decoded(written, written);
    if (parameters.has(name))
      throw wrong(`parameter ${JSON.stringify(name)}: expected it once, got it twice`);
    parameters.set(name, decoded(part.slice(at + 1), written));
  }
  return parameters;
}

function decoded(text: string, parameter: string): string {
  try {
    return decodeURIComponent(text);
  } catch (e) {
    throw wrong(
      `parameter ${JSON.stringify(parameter)}: expected %XX for a character, got "%" before others`,
      e,
    );
  }
}
