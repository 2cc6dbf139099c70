import { Code, ConnectError } from '@connectrpc/connect';
import { ClickstreamError, ServerRefused, ServerUnavailable } from '../../domain/errors.js';

/** Spark ran the query and it failed by itself: the same query would fail again. */
export class SparkQueryFailed extends ClickstreamError {
  readonly code = 'SparkQueryFailed';
  readonly retryable = false;
  constructor(
    /** Spark's error class, such as `TABLE_OR_VIEW_NOT_FOUND`; '' where it named none. */
    readonly errorClass: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** `[INVALID_HANDLE.SESSION_CHANGED] …` → `INVALID_HANDLE.SESSION_CHANGED`; '' without a class. */
export const errorClass = (e: ConnectError): string => /\[([A-Z][A-Z0-9_.]+)\]/.exec(e.rawMessage)?.[1] ?? '';

/** The id by which Spark tells more about an error, out of the google.rpc.ErrorInfo that comes with it. */
export function errorId(e: ConnectError): string | undefined {
  for (const detail of e.details)
    if ('value' in detail && detail.value instanceof Uint8Array) {
      // An entry of a map of strings: the key's bytes, then tag and length of the value.
      const id = /errorId..([0-9a-f-]{36})/s.exec(Buffer.from(detail.value).toString('latin1'))?.[1];
      if (id !== undefined) return id;
    }
  return undefined;
}

/** The server does not know the operation (it never arrived, or is over), or not even the session. */
export const isHandleUnknown = (e: ConnectError): boolean =>
  /INVALID_HANDLE\.(OPERATION_NOT_FOUND|SESSION_NOT_FOUND)/.test(e.rawMessage);

export const isOperationThere = (e: ConnectError): boolean =>
  e.rawMessage.includes('INVALID_HANDLE.OPERATION_ALREADY_EXISTS');

/** Everything the session held (temporary views, settings) is gone: the server restarted or timed it out. */
export const isSessionGone = (e: ConnectError): boolean =>
  /INVALID_HANDLE\.(SESSION_CHANGED|SESSION_CLOSED|SESSION_NOT_FOUND)|SESSION_NOT_SAME/.test(e.rawMessage);

/**
 * The connection broke and the operation may live on: reattach. A killed server shows as Canceled, the code of a
 * local abort, so the caller asks its own signal first.
 */
export const isConnectionLost = (e: ConnectError): boolean =>
  [Code.Unavailable, Code.Canceled, Code.DeadlineExceeded, Code.Aborted].includes(e.code) ||
  (e.code === Code.Unknown && errorClass(e) === '') ||
  (e.code === Code.Internal &&
    /http2|stream (closed|reset)|protocol error|RST_STREAM|GOAWAY/i.test(e.rawMessage));

const firstLines = (text: string): string => {
  const lines = text.split('\n').map((line) => line.trim());
  const said = lines.filter(
    (line) => line !== '' && !/^(at |== SQL|Driver stacktrace|JVM stacktrace)/.test(line),
  );
  const joined = said.slice(0, 3).join(' ');
  return joined.length > 600 ? `${joined.slice(0, 600)}…` : joined;
};

/** What Spark says in a failed query → the error that people and retry policies act on. */
const CAUSES: readonly {
  readonly pattern: RegExp;
  readonly error: (said: string, cause: unknown) => ClickstreamError;
}[] = [
  {
    pattern:
      /(?:^|\n)org\.postgresql\.\w+(?:\n|$)|ClassNotFoundException: org\.postgresql|No suitable driver|Failed to find data source: jdbc/,
    error: (said, cause) =>
      new ServerRefused(
        'Spark',
        `Spark lacks the PostgreSQL driver: put org.postgresql:postgresql on the Connect server's class path ` +
          `(--packages org.postgresql:postgresql:42.7.8), then start it again; Spark said: ${said}`,
        { cause },
      ),
  },
  {
    pattern:
      /password authentication failed|no password was provided|no pg_hba\.conf entry|role "[^"]*" (does not exist|is not permitted)|authentication type \d+ is not supported/,
    error: (said, cause) =>
      new ServerRefused(
        'PostgreSQL',
        `PostgreSQL refused Spark's log-in: set SPARK_JDBC_URL, and give the password by PGPASSFILE or a service ` +
          `file in the environment of Spark's own processes; it said: ${said}`,
        { cause },
      ),
  },
  {
    pattern: /permission denied for (schema|table|view|relation)/,
    error: (said, cause) =>
      new ServerRefused('PostgreSQL', `Spark's role may not read the tables; PostgreSQL said: ${said}`, {
        cause,
      }),
  },
  {
    pattern:
      /invalid snapshot identifier|could not import the requested snapshot|terminating connection|Connection refused|connection attempt failed|An I\/O error occurred|Connection reset|the database system is (starting up|shutting down|in recovery)|too many (clients|connections)|connection slots|canceling statement due to/,
    error: (said, cause) =>
      new ServerUnavailable('PostgreSQL', `PostgreSQL broke off while Spark read from it: ${said}`, {
        cause,
      }),
  },
  {
    pattern:
      /ExecutorLostFailure|FetchFailed|OutOfMemoryError|SparkContext (was shut down|is stopping)|stopped SparkContext|No space left/,
    error: (said, cause) => new ServerUnavailable('Spark', `Spark lost the work: ${said}`, { cause }),
  },
];

/**
 * Maps what a call to Spark Connect threw. Server errors arrive as Internal whatever they mean, so the text's
 * error class and cause decide, never the code 13 as such.
 * @param address `host:port`, named in the message
 * @param causes  messages of the causes behind it, from `fetchErrorDetails`
 */
export function mapSparkError(thrown: unknown, address: string, causes: readonly string[] = []): Error {
  if (thrown instanceof ClickstreamError) return thrown;
  if (!(thrown instanceof ConnectError)) return thrown instanceof Error ? thrown : new Error(String(thrown));
  const text = [thrown.rawMessage, ...causes.filter((why) => !thrown.rawMessage.includes(why))].join('\n');
  const said = firstLines(text);
  const cause = { cause: thrown };
  if (thrown.code === Code.Unauthenticated || thrown.code === Code.PermissionDenied)
    return new ServerRefused('Spark', `Spark Connect at ${address} refused the token: ${said}`, cause);
  if (thrown.code === Code.Unimplemented)
    return new ServerRefused('Spark', `${address} is not a Spark Connect 4 server: ${said}`, cause);
  if (isSessionGone(thrown) || isHandleUnknown(thrown))
    return new ServerUnavailable(
      'Spark',
      `Spark Connect at ${address} restarted or dropped the session: ${said}`,
      cause,
    );
  const known = CAUSES.find(({ pattern }) => pattern.test(text));
  if (known !== undefined) return known.error(said, thrown);
  if (isConnectionLost(thrown))
    return new ServerUnavailable(
      'Spark',
      `Spark Connect at ${address} does not answer: ${said || 'connection lost'}`,
      cause,
    );
  return new SparkQueryFailed(errorClass(thrown), `Spark failed: ${said}`, cause);
}
