/**
 * Addresses and secrets of the five servers. Order of sources, server by server: the environment under each
 * ecosystem's usual names, else what `clickstream up` wrote into servers.json. The two are never mixed for one
 * server: a password from the environment must not travel to another address.
 */
import { ConfigurationError } from '../errors.js';
import type { Servers } from './config.js';
import { Environment } from './environment.js';
import { isLoopback, jdbcFromEnvironment, jdbcFromUrl } from './jdbc.js';

/** What `clickstream up` writes; further fields are infra's own. */
export interface ServersFile {
  readonly kafka?: { readonly brokers: readonly string[] };
  readonly postgres?: { readonly url: string };
  readonly spark?: {
    readonly remote: string;
    readonly jdbcUrl?: string;
    /** Where Spark is a cluster of several processes. */
    readonly cluster?: { readonly master: string; readonly ui: string; readonly workers: number };
  };
  readonly elasticsearch?: {
    readonly url: string;
    readonly username?: string;
    readonly password?: string;
    readonly apiKey?: string;
  };
  readonly temporal?: { readonly address: string; readonly namespace: string; readonly uiUrl?: string };
}

export type ServerKey = 'kafka' | 'postgres' | 'spark' | 'elasticsearch' | 'temporal';

/** The variable that names each server. */
export const SERVER_VARIABLE: Readonly<Record<ServerKey, string>> = {
  kafka: 'KAFKA_BROKERS',
  postgres: 'DATABASE_URL',
  spark: 'SPARK_REMOTE',
  elasticsearch: 'ELASTICSEARCH_URL',
  temporal: 'TEMPORAL_ADDRESS',
};

type Values = Readonly<Record<string, string | undefined>>;
type ReadText = (path: string) => string;

/**
 * Every value is checked at once; a server that nobody named fails only when it is asked for, so that a verb
 * which needs two servers does not demand five.
 * @param readText Reads a certificate that a variable names by path; without it only PEM text is accepted.
 * @throws ConfigurationError naming the variable, what was expected and (no secret) what was got.
 */
export function parseServers(env: Values, fallback: ServersFile = {}, readText?: ReadText): Servers {
  const e = new Environment(env, readText);
  const wrong: string[] = [];
  /** Every server's first problem is reported, not only the first server's. */
  const collect = <T>(parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      wrong.push(error.message);
      return undefined;
    }
  };
  const kafka = collect(() => kafkaOf(e));
  const postgres = collect(() => postgresOf(e));
  const spark = collect(() => sparkOf(e, fallback));
  const elasticsearch = collect(() => elasticsearchOf(e));
  const temporal = collect(() => temporalOf(e));
  const visitorKey = collect(() => e.secret('CLICKSTREAM_VISITOR_KEY', 16));
  if (wrong.length > 0) throw new ConfigurationError([...new Set(wrong)].join('\n'));
  return lazily(
    {
      kafka: kafka ?? (fallback.kafka && { brokers: fallback.kafka.brokers, ssl: false }),
      postgres: postgres ?? fallback.postgres,
      spark,
      elasticsearch: elasticsearch ?? fallback.elasticsearch,
      temporal: temporal ?? fallback.temporal,
    },
    visitorKey,
  );
}

/** Whether a server is named at all. */
export function hasServer(servers: Servers, key: ServerKey): boolean {
  try {
    return Boolean(servers[key]);
  } catch {
    return false;
  }
}

/** Which servers the environment names: `up` uses these and does not start them. */
export const namedByEnvironment = (env: Values): ServerKey[] => {
  const named = (Object.keys(SERVER_VARIABLE) as ServerKey[]).filter((key) => env[SERVER_VARIABLE[key]]);
  return env['PGHOST'] && !named.includes('postgres') ? [...named, 'postgres'] : named;
};

type Found = { readonly [K in ServerKey]: Servers[K] | undefined };

function lazily(found: Found, visitorKey: string | undefined): Servers {
  const required = <K extends ServerKey>(key: K): Servers[K] => {
    const server = found[key];
    if (server !== undefined) return server;
    throw new ConfigurationError(
      `${SERVER_VARIABLE[key]}: expected the address of the server, got nothing; ` +
        `set it, or run \`npx clickstream up\` to start the servers here`,
    );
  };
  return {
    get kafka() {
      return required('kafka');
    },
    get postgres() {
      return required('postgres');
    },
    get spark() {
      return required('spark');
    },
    get elasticsearch() {
      return required('elasticsearch');
    },
    get temporal() {
      return required('temporal');
    },
    ...(visitorKey !== undefined && { visitorKey }),
  };
}

function kafkaOf(e: Environment): Servers['kafka'] | undefined {
  const brokers = e.text('KAFKA_BROKERS');
  if (brokers === undefined) return undefined;
  const ca = e.pem('KAFKA_SSL_CA');
  const ssl = e.flag('KAFKA_SSL');
  const sasl = saslOf(e);
  return {
    brokers: brokers.split(',').map((broker) => brokerOf(e, broker.trim())),
    ssl: ca !== undefined && ssl !== false ? { ca } : (ssl ?? false),
    ...(sasl && { sasl }),
  };
}

/** kafkajs cuts an address of its list at the first colon; what brokers call themselves may well be IPv6. */
function brokerOf(e: Environment, text: string): string {
  const broker = e.hostPort('KAFKA_BROKERS', text, 9092);
  if (broker.startsWith('['))
    throw e.wrong('KAFKA_BROKERS', 'host:port with a name or an IPv4 address; give an IPv6 address a name');
  return broker;
}

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

function saslOf(e: Environment): Servers['kafka']['sasl'] {
  const username = e.text('KAFKA_SASL_USERNAME');
  const password = e.text('KAFKA_SASL_PASSWORD');
  const written = e.text('KAFKA_SASL_MECHANISM');
  if (username === undefined && password === undefined && written === undefined) return undefined;
  const mechanism = MECHANISMS.find((known) => known === (written ?? 'plain').toLowerCase());
  if (mechanism === undefined) throw e.wrong('KAFKA_SASL_MECHANISM', `one of ${MECHANISMS.join(', ')}`);
  if (username === undefined) throw e.wrong('KAFKA_SASL_USERNAME', 'the user of KAFKA_SASL_PASSWORD');
  if (password === undefined) throw e.wrong('KAFKA_SASL_PASSWORD', 'the password of KAFKA_SASL_USERNAME');
  return { mechanism, username, password };
}

/** DATABASE_URL, or PGHOST, which pg itself reads together with PGPORT, PGUSER, PGDATABASE and the rest. */
function postgresOf(e: Environment): Servers['postgres'] | undefined {
  const url = e.url('DATABASE_URL', ['postgres:', 'postgresql:']);
  if (url !== undefined) return { url: url.text };
  e.port('PGPORT');
  return e.text('PGHOST') === undefined ? undefined : {};
}

function sparkOf(e: Environment, fallback: ServersFile): Servers['spark'] | undefined {
  const named = e.url('SPARK_REMOTE', ['sc:'])?.text;
  const remote = named ?? fallback.spark?.remote;
  const written = e.text('SPARK_JDBC_URL');
  if (written !== undefined && !written.startsWith('jdbc:postgresql:')) {
    throw e.wrong('SPARK_JDBC_URL', 'an address such as jdbc:postgresql://host:5432/database', 'hidden');
  }
  // The driver would take them for a part of the host, look that up, and tell it in its error.
  if (written !== undefined && /^jdbc:postgresql:\/\/[^/?]*@/.test(written)) {
    throw e.wrong(
      'SPARK_JDBC_URL',
      "no user or password before the host: JDBC takes the user as ?user=…, and Spark's hosts the password from a " +
        'service file',
      'hidden',
    );
  }
  if (remote === undefined) return undefined;
  const jdbcUrl = written ?? derivedJdbcUrl(e, fallback, named === undefined);
  // An address without a host is told by the reader of SPARK_REMOTE.
  if (named !== undefined && written === undefined && /^sc:\/\/[^/:;]/.test(named) && !isLoopback(named))
    requireAddress(e, fallback, jdbcUrl);
  return { remote, ...(jdbcUrl !== undefined && { jdbcUrl }) };
}

/**
 * What leads to PostgreSQL here leads to somewhere else from another host.
 * @throws ConfigurationError where PostgreSQL is on loopback or behind a Unix socket
 */
function requireAddress(e: Environment, fallback: ServersFile, jdbcUrl: string | undefined): void {
  const hasPostgres =
    e.text('DATABASE_URL') ?? e.text('PGHOST') ?? (fallback.postgres && fallback.postgres.url);
  if (hasPostgres === undefined || (jdbcUrl !== undefined && !isLoopback(jdbcUrl))) return;
  const there = jdbcUrl === undefined ? 'a Unix socket' : 'an address of this machine alone';
  throw e.wrong(
    'SPARK_JDBC_URL',
    `PostgreSQL's address as Spark's hosts see it (jdbc:postgresql://host:5432/database), since SPARK_REMOTE ` +
      `names another host while PostgreSQL is at ${there}`,
  );
}

/**
 * servers.json knows Spark's way to its own PostgreSQL only; another PostgreSQL has its own address, and another
 * Spark does not know the name under which ours finds PostgreSQL.
 */
function derivedJdbcUrl(e: Environment, fallback: ServersFile, ours: boolean): string | undefined {
  const url = e.url('DATABASE_URL', ['postgres:', 'postgresql:']);
  if (url !== undefined) return jdbcFromUrl(url.text);
  if (e.text('PGHOST') !== undefined) return jdbcFromEnvironment((name) => e.text(name));
  const own = fallback.postgres && jdbcFromUrl(fallback.postgres.url);
  return (ours ? fallback.spark?.jdbcUrl : undefined) ?? own;
}

function elasticsearchOf(e: Environment): Servers['elasticsearch'] | undefined {
  const url = e.url('ELASTICSEARCH_URL', ['http:', 'https:']);
  if (url === undefined) return undefined;
  const apiKey = e.text('ELASTICSEARCH_API_KEY');
  const username = e.text('ELASTICSEARCH_USERNAME');
  const password = e.text('ELASTICSEARCH_PASSWORD');
  const ca = e.pem('ELASTICSEARCH_CA');
  if (username !== undefined && password === undefined) {
    throw e.wrong('ELASTICSEARCH_PASSWORD', 'the password of ELASTICSEARCH_USERNAME');
  }
  if (password !== undefined && username === undefined) {
    throw e.wrong('ELASTICSEARCH_USERNAME', 'the user of ELASTICSEARCH_PASSWORD');
  }
  return {
    url: url.text,
    ...(apiKey !== undefined && { apiKey }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
  };
}

function temporalOf(e: Environment): Servers['temporal'] | undefined {
  const address = e.text('TEMPORAL_ADDRESS');
  if (address === undefined) return undefined;
  const apiKey = e.text('TEMPORAL_API_KEY');
  const uiUrl = e.url('TEMPORAL_UI_URL', ['http:', 'https:'])?.text;
  const tls = temporalTls(e, apiKey !== undefined);
  return {
    address: e.hostPort('TEMPORAL_ADDRESS', address, 7233),
    namespace: e.text('TEMPORAL_NAMESPACE') ?? 'default',
    ...(apiKey !== undefined && { apiKey }),
    ...(tls !== undefined && { tls }),
    ...(uiUrl !== undefined && { uiUrl }),
  };
}

/** An API key goes over TLS unless TEMPORAL_TLS says false, as in Temporal's own environment configuration. */
function temporalTls(e: Environment, hasKey: boolean): Servers['temporal']['tls'] {
  const wanted = e.flag('TEMPORAL_TLS');
  const pem = (part: string) => e.pem(`TEMPORAL_TLS_${part}_DATA`) ?? e.pem(`TEMPORAL_TLS_${part}_PATH`);
  const ca = pem('SERVER_CA_CERT');
  const cert = pem('CLIENT_CERT');
  const key = pem('CLIENT_KEY');
  const serverName = e.text('TEMPORAL_TLS_SERVER_NAME');
  if ((cert === undefined) !== (key === undefined)) {
    const missing = cert === undefined ? 'TEMPORAL_TLS_CLIENT_CERT_PATH' : 'TEMPORAL_TLS_CLIENT_KEY_PATH';
    throw e.wrong(missing, 'certificate and key together');
  }
  if (wanted === false) return undefined;
  if (ca ?? cert ?? serverName) {
    return {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(serverName !== undefined && { serverName }),
    };
  }
  return wanted === true || hasKey ? true : undefined;
}
