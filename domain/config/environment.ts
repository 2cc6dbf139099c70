/** Strict reading of environment variables: an empty one is unset, a wrong one is an error that names it. */
import { ConfigurationError } from '../errors.js';

const TRUE = ['true', '1', 'yes', 'on'];
const FALSE = ['false', '0', 'no', 'off'];

export class Environment {
  constructor(
    private readonly env: Readonly<Record<string, string | undefined>>,
    private readonly readText?: (path: string) => string,
  ) {}

  text(name: string): string | undefined {
    const value = this.env[name]?.trim();
    return value === '' ? undefined : value;
  }

  flag(name: string): boolean | undefined {
    const value = this.text(name)?.toLowerCase();
    if (value === undefined) return undefined;
    if (TRUE.includes(value)) return true;
    if (FALSE.includes(value)) return false;
    throw this.wrong(name, 'true or false');
  }

  port(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!isPort(value)) throw this.wrong(name, 'a port from 1 to 65535');
    return Number(value);
  }

  /** `host:port`, with the port filled in; `[::1]:9092` for IPv6. */
  hostPort(name: string, value: string, defaultPort: number): string {
    const parts = splitHostPort(value);
    // Somebody may have put user and password there: the message does not repeat them.
    if (parts === undefined)
      throw this.wrong(
        name,
        'host:port, with a port from 1 to 65535',
        /[@/]/.test(value) ? 'hidden' : undefined,
      );
    return `${parts.host}:${parts.port ?? defaultPort}`;
  }

  url(name: string, protocols: readonly string[]): { text: string; url: URL } | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const expected = `an address that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`;
    // The value may hold a password: the message does not.
    if (!URL.canParse(text)) throw this.wrong(name, `${expected}, with a port from 1 to 65535`, 'hidden');
    const url = new URL(text);
    if (!protocols.includes(url.protocol)) throw this.wrong(name, expected, 'hidden');
    // What is taken for the host would else be a part of the password, and be told in errors.
    if (url.username !== '' && `${url.pathname}${url.hash}`.includes('@'))
      throw this.wrong(name, 'each @, / and # of a password %-encoded (%40, %2F, %23)', 'hidden');
    if (url.port === '0') throw this.wrong(name, 'a port from 1 to 65535', 'hidden');
    return { text, url };
  }

  secret(name: string, minLength: number): string | undefined {
    const value = this.text(name);
    if (value !== undefined && value.length < minLength) {
      throw this.wrong(name, `at least ${minLength} characters`, 'hidden');
    }
    return value;
  }

  /** A certificate or key: PEM text, or the path of a file that holds it. */
  pem(name: string): string | undefined {
    const value = this.text(name);
    if (value === undefined || value.startsWith('-----BEGIN')) return value;
    if (this.readText === undefined) throw this.wrong(name, 'PEM text', 'hidden');
    try {
      return this.readText(value);
    } catch (cause) {
      throw this.wrong(name, 'PEM text or the path of a readable file', undefined, cause);
    }
  }

  /** `hidden`: the value can hold a secret and stays out of the message. */
  wrong(name: string, expected: string, hidden?: 'hidden', cause?: unknown): ConfigurationError {
    const value = this.text(name);
    const got = value === undefined ? 'nothing' : hidden ? 'something else' : JSON.stringify(value);
    return new ConfigurationError(`${name}: expected ${expected}, got ${got}`, { cause });
  }
}

const isPort = (text: string): boolean =>
  /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;

/** Undefined when it is no `host`, `host:port` or `[ipv6]:port`. */
function splitHostPort(text: string): { host: string; port?: number } | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+)(?::(\d+))?$/.exec(text);
  const [, host, port] = match ?? [];
  if (host === undefined || (port !== undefined && !isPort(port))) return undefined;
  return { host, ...(port !== undefined && { port: Number(port) }) };
}
