import { Code, ConnectError } from '@connectrpc/connect';
import {
  ClickstreamError,
  postgresDiskFull,
  ServerExhausted,
  ServerRefused,
  ServerUnavailable,
} from '../../domain/errors.js';
import { errorInfo } from './errorDetails.js';
import { isConnectionLost, isHandleUnknown, isSessionGone, SparkQueryFailed } from './errors.js';

const MAX_SAID = 600;

/** What stands in a message of Spark for people: no stack, no query, no more than a few lines. */
const firstLines = (text: string): string => {
  const lines = text.split('\n').map((line) => line.trim());
  const said = lines.filter(
    (line) => line !== '' && !/^(at |== SQL|Driver stacktrace|JVM stacktrace)/.test(line),
  );
  const joined = said.slice(0, 3).join(' ');
  return joined.length > MAX_SAID ? `${joined.slice(0, MAX_SAID)}…` : joined;
};

/** What helps a Spark whose memory does not suffice. */
export const SPARK_MEMORY =
  'give its driver more (SPARK_DRIVER_MEMORY=2g for `clickstream up`, elsewhere --driver-memory or ' +
  'spark.driver.memory), and on a cluster its executors (spark.executor.memory, or fewer tasks at once by ' +
  'spark.executor.cores)';

interface Cause {
  readonly pattern: RegExp;
  readonly error: (said: string, address: string, cause: unknown) => ClickstreamError;
}

/** What Spark says in a failed query → the error that people and retry policies act on. */
const CAUSES: readonly Cause[] = [
  {
    pattern:
      /(?:^|\n)org\.postgresql\.\w+(?:\n|$)|ClassNotFoundException: org\.postgresql|No suitable driver|Failed to find data source: jdbc/,
    error: (said, address, cause) =>
      new ServerRefused(
        'Spark',
        `Spark at ${address} lacks the PostgreSQL driver: put org.postgresql:postgresql on the class path of the ` +
          'Connect server (--packages org.postgresql:postgresql:42.7.8, or the jar in its jars folder), then start ' +
          `it again; Spark said: ${said}`,
        { cause },
      ),
  },
  {
    // Spark repeats the address, which may hold a password: this message does not.
    pattern: /Unable to parse URL|could not open a JDBC connection/,
    error: (_said, address, cause) =>
      new ServerRefused(
        'Spark',
        `Spark at ${address} can make nothing of SPARK_JDBC_URL: it is malformed, or it names a service that is in no ` +
          "service file. PGSERVICEFILE must name one that can be read, in the environment of Spark's driver and executors",
        { cause },
      ),
  },
  {
    pattern:
      /Connection to \S+ refused|The connection attempt failed|UnknownHostException|NoRouteToHostException/,
    error: (said, _address, cause) =>
      new ServerUnavailable(
        'PostgreSQL',
        `Spark cannot reach PostgreSQL: SPARK_JDBC_URL, or the service that it names, must lead there from Spark's ` +
          `driver and from each executor; Spark said: ${said}`,
        { cause },
      ),
  },
  {
    pattern:
      /password authentication failed|no password was provided|no pg_hba\.conf entry|role "[^"]*" (does not exist|is not permitted)|authentication type \d+ is not supported/,
    error: (said, _address, cause) =>
      new ServerRefused(
        'PostgreSQL',
        `PostgreSQL refused Spark's log-in: set SPARK_JDBC_URL, and give the password by PGPASSFILE or a service ` +
          `file in the environment of Spark's own processes; it said: ${said}`,
        { cause },
      ),
  },
  {
    pattern: /permission denied for (schema|table|view|relation)/,
    error: (said, _address, cause) =>
      new ServerRefused('PostgreSQL', `Spark's role may not read the tables; PostgreSQL said: ${said}`, {
        cause,
      }),
  },
  {
    pattern:
      /invalid snapshot identifier|could not import the requested snapshot|terminating connection|Connection refused|connection attempt failed|An I\/O error occurred|Connection reset|the database system is (starting up|shutting down|in recovery)|too many (clients|connections)|connection slots|canceling statement due to/,
    error: (said, _address, cause) =>
      new ServerUnavailable('PostgreSQL', `PostgreSQL broke off while Spark read from it: ${said}`, {
        cause,
      }),
  },
  {
    pattern: /ERROR: could not [^\n]*: No space left on device/,
    error: (said, _address, cause) => postgresDiskFull(said, cause),
  },
  {
    // An executor that ends with 52 had no heap left; with 137 it was killed, as by the kernel or by Kubernetes. The
    // JDBC driver has words of its own.
    pattern:
      /OutOfMemoryError|UNABLE_TO_ACQUIRE_MEMORY|Java heap space|Not enough memory|Ran out of memory|spark\.driver\.maxResultSize|exited with (exit )?code (52|137)\b|OOMKilled|beyond the 'PHYSICAL' memory limit|exceeding (physical )?memory limits/,
    error: (said, address, cause) =>
      new ServerExhausted(
        'Spark',
        `Spark at ${address} ran out of memory: ${SPARK_MEMORY}; Spark said: ${said}`,
        { cause },
      ),
  },
  {
    pattern:
      /ExecutorLostFailure|FetchFailed|SparkContext (was shut down|is stopping)|stopped SparkContext|No space left/,
    error: (said, address, cause) =>
      new ServerUnavailable(
        'Spark',
        `Spark at ${address} lost the work; its log says why, and a driver or executor that ran out of memory is the ` +
          `usual reason: ${said}`,
        { cause },
      ),
  },
];

const UNTRUSTED =
  /self[- ]signed certificate|unable to (verify the first|get (local )?issuer) certificate|certificate (has expired|is not yet valid)|altnames/i;
const NO_TLS =
  /wrong version number|packet length too long|EPROTO|unknown protocol|first record does not look/i;

/**
 * Maps what a call to Spark Connect threw. Server errors arrive as Internal whatever they mean, so the error class
 * and the causes decide, never the code 13 as such.
 * @param address `host:port`, named in the message
 * @param causes  messages of the causes behind it, from `fetchErrorDetails`
 */
export function mapSparkError(thrown: unknown, address: string, causes: readonly string[] = []): Error {
  if (thrown instanceof ClickstreamError) return thrown;
  if (!(thrown instanceof ConnectError)) return thrown instanceof Error ? thrown : new Error(String(thrown));
  const { errorClass, sqlState } = errorInfo(thrown);
  const text = [thrown.rawMessage, ...causes.filter((why) => !thrown.rawMessage.includes(why))].join('\n');
  const said = firstLines(text);
  const cause = { cause: thrown };
  if (isSessionGone(thrown) || isHandleUnknown(thrown))
    return new ServerUnavailable(
      'Spark',
      `Spark Connect at ${address} restarted or dropped the session: ${said}`,
      cause,
    );
  if (errorClass === 'OPERATION_CANCELED')
    return new ServerUnavailable('Spark', `the query was interrupted on Spark at ${address}: ${said}`, cause);
  const known = CAUSES.find(({ pattern }) => pattern.test(text));
  if (errorClass !== '' || known !== undefined)
    return known?.error(said, address, thrown) ?? failedQuery(errorClass, sqlState, said, thrown);
  return mapConnectionError(thrown, address, said) ?? failedQuery('', sqlState, said, thrown);
}

function failedQuery(errorClass: string, sqlState: string, said: string, cause: unknown): SparkQueryFailed {
  // Spark quotes the value that an expression stumbled on: it may be one of an event, which no log shall show.
  const message = sqlState.startsWith('22')
    ? `Spark failed on a value: ${errorClass} (SQLSTATE ${sqlState})`
    : `Spark failed: ${said}`;
  return new SparkQueryFailed(errorClass, sqlState, message, { cause });
}

/** Errors on the way to the server, or of what stands there instead of Spark. */
function mapConnectionError(thrown: ConnectError, address: string, said: string): Error | undefined {
  const cause = { cause: thrown };
  const refused = (why: string): ServerRefused => new ServerRefused('Spark', why, cause);
  if (UNTRUSTED.test(thrown.rawMessage))
    return refused(
      `the certificate of Spark Connect at ${address} is not trusted: ${said}; name the authority that signed it in ` +
        'NODE_EXTRA_CA_CERTS (a PEM file, read when the process starts)',
    );
  if (NO_TLS.test(thrown.rawMessage))
    return refused(
      `${address} does not speak TLS, which use_ssl=true or a token asks for: put a proxy with TLS before Spark ` +
        `Connect, or write use_ssl=false in SPARK_REMOTE`,
    );
  if (thrown.code === Code.Unauthenticated || thrown.code === Code.PermissionDenied)
    return refused(`Spark Connect at ${address} refused the token of SPARK_REMOTE: ${said}`);
  if (thrown.code === Code.Unimplemented)
    return refused(`${address} is not a Spark Connect 4 server: ${said}`);
  if (thrown.code === Code.Canceled)
    return new ServerUnavailable(
      'Spark',
      `Spark Connect at ${address} closed the connection: it ended, or use_ssl in SPARK_REMOTE is not what it expects`,
      cause,
    );
  if (isConnectionLost(thrown))
    return new ServerUnavailable(
      'Spark',
      `Spark Connect at ${address} does not answer: ${said || 'connection lost'}`,
      cause,
    );
  return undefined;
}
