import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasServer, namedByEnvironment, parseServers } from '../../../domain/config/servers.js';
import { ConfigurationError } from '../../../domain/errors.js';

const FILE = {
  kafka: { brokers: ['127.0.0.1:19092'] },
  postgres: { url: 'postgres://me@127.0.0.1:15432/clicks' },
  spark: { remote: 'sc://127.0.0.1:15002', jdbcUrl: 'jdbc:postgresql://127.0.0.1:15432/clicks?user=me' },
  elasticsearch: { url: 'http://127.0.0.1:19200' },
  temporal: { address: '127.0.0.1:17233', namespace: 'default', uiUrl: 'http://127.0.0.1:18233' },
};

describe('parseServers', () => {
  test('takes the environment first, server by server, then servers.json', () => {
    const servers = parseServers({ KAFKA_BROKERS: 'a:1, b', TEMPORAL_ADDRESS: '' }, FILE);
    assert.deepEqual(servers.kafka.brokers, ['a:1', 'b:9092']);
    assert.deepEqual(servers.temporal, FILE.temporal);
    assert.equal(servers.spark.jdbcUrl, FILE.spark.jdbcUrl);
  });

  test('a server that nobody named fails when it is asked for, and says what to do', () => {
    const servers = parseServers({ KAFKA_BROKERS: 'a:1' });
    assert.equal(servers.kafka.ssl, false);
    assert.ok(!hasServer(servers, 'spark'));
    assert.throws(
      () => servers.spark,
      (error) =>
        error instanceof ConfigurationError && /SPARK_REMOTE.*npx clickstream up/.test(error.message),
    );
  });

  test('credentials of the environment never go to an address of servers.json', () => {
    const servers = parseServers({ ELASTICSEARCH_API_KEY: 'k', TEMPORAL_API_KEY: 'k' }, FILE);
    assert.deepEqual(servers.elasticsearch, FILE.elasticsearch);
    assert.deepEqual(servers.temporal, FILE.temporal);
  });

  test('reads TLS and SASL of Kafka', () => {
    const servers = parseServers(
      {
        KAFKA_BROKERS: 'k:9093',
        KAFKA_SSL: 'true',
        KAFKA_SSL_CA: '/ca.pem',
        KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
        KAFKA_SASL_USERNAME: 'u',
        KAFKA_SASL_PASSWORD: 'p',
      },
      {},
      (path) => `PEM of ${path}`,
    );
    assert.deepEqual(servers.kafka, {
      brokers: ['k:9093'],
      ssl: { ca: 'PEM of /ca.pem' },
      sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
    });
  });

  test('a Temporal API key goes over TLS unless it is told otherwise', () => {
    const key = { TEMPORAL_ADDRESS: 't', TEMPORAL_API_KEY: 'k' };
    assert.deepEqual(parseServers(key).temporal, {
      address: 't:7233',
      namespace: 'default',
      apiKey: 'k',
      tls: true,
    });
    assert.equal(parseServers({ ...key, TEMPORAL_TLS: 'false' }).temporal.tls, undefined);
  });

  const jdbc: [env: Record<string, string>, expected: string | undefined][] = [
    [
      { DATABASE_URL: 'postgres://u:secret@db.example:6432/shop?sslmode=require' },
      'jdbc:postgresql://db.example:6432/shop?sslmode=require',
    ],
    [{ DATABASE_URL: 'postgres://u:secret@127.0.0.1/shop' }, 'jdbc:postgresql://127.0.0.1:5432/shop'],
    [{ DATABASE_URL: 'postgres://u@127.0.0.1:5/shop' }, 'jdbc:postgresql://127.0.0.1:5/shop?user=u'],
    [{ DATABASE_URL: 'postgres://u@db.example/shop' }, 'jdbc:postgresql://db.example:5432/shop'],
    [
      { PGHOST: 'localhost', PGUSER: 'u', PGDATABASE: 'shop' },
      'jdbc:postgresql://localhost:5432/shop?user=u',
    ],
    [{ PGHOST: '/var/run/postgresql', PGUSER: 'u' }, undefined],
    [{ PGHOST: 'h', SPARK_JDBC_URL: 'jdbc:postgresql://x/y' }, 'jdbc:postgresql://x/y'],
  ];
  for (const [env, expected] of jdbc) {
    test(`Spark reaches PostgreSQL of ${JSON.stringify(env)} at ${expected ?? 'no derived address'}`, () => {
      assert.equal(
        parseServers({ SPARK_REMOTE: 'sc://localhost:15002', ...env }, FILE).spark.jdbcUrl,
        expected,
      );
    });
  }

  const elsewhere = { SPARK_REMOTE: 'sc://spark.example:15002/;token=hunter2' };
  const unreachable: [where: string, env: Record<string, string>][] = [
    ['on loopback', { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1/shop' }],
    ['on loopback by name', { PGHOST: 'localhost' }],
    ['on IPv6 loopback', { DATABASE_URL: 'postgres://u@[::1]:5432/shop' }],
    ['behind a Unix socket', { PGHOST: '/var/run/postgresql' }],
    ['the one that `up` started', {}],
  ];
  for (const [where, env] of unreachable) {
    test(`Spark on another host cannot reach a PostgreSQL ${where}: SPARK_JDBC_URL is asked for`, () => {
      assert.throws(
        () => parseServers({ ...elsewhere, ...env }, FILE),
        (error) =>
          error instanceof ConfigurationError &&
          /^SPARK_JDBC_URL: expected PostgreSQL's address as Spark's hosts see it/.test(error.message) &&
          !error.message.includes('hunter2'),
      );
      const named = { ...elsewhere, ...env, SPARK_JDBC_URL: 'jdbc:postgresql://db.example/shop' };
      assert.equal(parseServers(named, FILE).spark.jdbcUrl, 'jdbc:postgresql://db.example/shop');
    });
  }

  test('a PostgreSQL with an address of its own needs no word more for Spark on another host', () => {
    const servers = parseServers({ ...elsewhere, DATABASE_URL: 'postgres://u@db.example/shop' }, FILE);
    assert.equal(servers.spark.jdbcUrl, 'jdbc:postgresql://db.example:5432/shop');
  });

  const wrong: [variable: string, env: Record<string, string>][] = [
    ['KAFKA_BROKERS', { KAFKA_BROKERS: 'host:99999' }],
    ['KAFKA_BROKERS', { KAFKA_BROKERS: 'host:9092,' }],
    ['KAFKA_BROKERS', { KAFKA_BROKERS: 'http://host' }],
    ['KAFKA_BROKERS', { KAFKA_BROKERS: 'a:1,[::1]:9092' }],
    ['KAFKA_SSL', { KAFKA_BROKERS: 'a', KAFKA_SSL: 'maybe' }],
    [
      'KAFKA_SASL_MECHANISM',
      {
        KAFKA_BROKERS: 'a',
        KAFKA_SASL_MECHANISM: 'gssapi',
        KAFKA_SASL_USERNAME: 'u',
        KAFKA_SASL_PASSWORD: 'hunter2',
      },
    ],
    ['KAFKA_SASL_PASSWORD', { KAFKA_BROKERS: 'a', KAFKA_SASL_USERNAME: 'u' }],
    ['DATABASE_URL', { DATABASE_URL: 'mysql://u:hunter2@h/db' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://u:hunter2@h:99999/db' }],
    ['DATABASE_URL', { DATABASE_URL: 'hunter2' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://u:hun@hunter2#x@h/db' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://u:hun@hunter2/x@h/db' }],
    ['ELASTICSEARCH_URL', { ELASTICSEARCH_URL: 'http://u:hun@hunter2#@h:9200' }],
    ['PGPORT', { PGHOST: 'h', PGPORT: 'five' }],
    ['SPARK_REMOTE', { SPARK_REMOTE: 'spark://h' }],
    ['SPARK_JDBC_URL', { SPARK_JDBC_URL: 'jdbc:mysql://h?password=hunter2' }],
    ['SPARK_JDBC_URL', { SPARK_JDBC_URL: 'jdbc:postgresql://me:hunter2@h:5432/d' }],
    ['ELASTICSEARCH_URL', { ELASTICSEARCH_URL: 'localhost:9200' }],
    ['ELASTICSEARCH_PASSWORD', { ELASTICSEARCH_URL: 'http://h', ELASTICSEARCH_USERNAME: 'u' }],
    ['TEMPORAL_ADDRESS', { TEMPORAL_ADDRESS: 'h:0' }],
    ['TEMPORAL_TLS', { TEMPORAL_ADDRESS: 'h', TEMPORAL_TLS: 'TLS' }],
    [
      'TEMPORAL_TLS_CLIENT_KEY_PATH',
      { TEMPORAL_ADDRESS: 'h', TEMPORAL_TLS_CLIENT_CERT_DATA: '-----BEGIN X' },
    ],
    ['CLICKSTREAM_VISITOR_KEY', { CLICKSTREAM_VISITOR_KEY: 'hunter2' }],
  ];
  for (const [variable, env] of wrong) {
    test(`names ${variable} in ${JSON.stringify(env)}, and no password`, () => {
      assert.throws(
        () => parseServers(env, FILE),
        (error) => {
          assert.ok(error instanceof ConfigurationError);
          assert.ok(error.message.startsWith(`${variable}: expected `), error.message);
          assert.ok(!error.message.includes('hunter2'), error.message);
          return true;
        },
      );
    });
  }

  test('PGUSER alone names no server, PGHOST does', () => {
    assert.deepEqual(namedByEnvironment({ PGUSER: 'me' }), []);
    assert.deepEqual(namedByEnvironment({ PGHOST: 'h', SPARK_REMOTE: 'sc://s' }), ['spark', 'postgres']);
  });
});
