import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordsOf, type ProduceOptions } from '../../cli/verbs/produce.js';
import { withoutSecrets } from '../../cli/verbs/config.js';
import { parseServers } from '../../domain/config/servers.js';
import { UsageError } from '../../domain/errors.js';
import { withInstallation } from '../support/installation.js';

describe('produce', () => {
  const wrong: [files: string[], options: Partial<ProduceOptions>, expected: RegExp][] = [
    [[], {}, /expected a file, - for stdin, or --generate/],
    [['a'], { format: 'csv' }, /^--format: expected one of ndjson, access-log, got "csv"$/],
    [['a'], { format: 'access-log', key: 'ip' }, /^--key: /],
    [['-'], { format: 'ndjson', key: 'user..id' }, /^--key: expected a path .*"user\.\.id"/],
    [['-'], { format: 'ndjson', key: 'list[a=b]' }, /^--key: expected a path/],
    [['a'], { generate: '5' }, /^--generate: expected no files/],
    [[], { generate: 'many' }, /^--generate: expected a whole number from 1/],
    [['a'], { seed: '5' }, /^--seed: expected --generate/],
  ];
  for (const [files, options, expected] of wrong) {
    test(`refuses ${JSON.stringify(files)} ${JSON.stringify(options)} before it connects`, () => {
      assert.throws(
        () => recordsOf(files, { format: 'ndjson', ...options }, { lines: 0, unparsable: 0 }),
        (error) => error instanceof UsageError && expected.test(error.message),
      );
    });
  }
});

test('a line that Kafka does not take is named with its bytes and the limit, and what was sent, with 2', () =>
  withInstallation('line_large', async (installation) => {
    const lines = ['{"a":1}', JSON.stringify({ a: 'x'.repeat(1_500_000) }), '{"a":2}'];
    const { code, stderr } = await installation.run(['produce', '-'], {}, lines.join('\n'));
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /stdin: line 2: expected at most 1,048,588 bytes .*, got 1,500,008 and the \d+ that Kafka adds; 1 record was sent/,
    );
  }));

test('config print shows no secret of the servers', () => {
  const env = {
    DATABASE_URL: 'postgres://me:SECRET1@SECRET2@host/db?password=SECRET3',
    KAFKA_BROKERS: 'k',
    KAFKA_SASL_USERNAME: 'u',
    KAFKA_SASL_PASSWORD: 'SECRET4',
    SPARK_REMOTE: 'sc://spark/;token=SECRET5;use_ssl=true',
    SPARK_JDBC_URL: 'jdbc:postgresql://host/db?user=u&password=SECRET6',
    ELASTICSEARCH_URL: 'https://u:SECRET7@host',
    ELASTICSEARCH_API_KEY: 'SECRET8',
    TEMPORAL_ADDRESS: 't',
    TEMPORAL_API_KEY: 'SECRET9',
    CLICKSTREAM_VISITOR_KEY: 'SECRET-of-sixteen-letters',
  };
  const shown = JSON.stringify(withoutSecrets(parseServers(env)));
  assert.ok(!shown.includes('SECRET'), shown);
  assert.match(shown, /postgres:\/\/me:\(hidden\)@host\/db/);
  assert.match(JSON.stringify(withoutSecrets(parseServers({}))), /nothing; set KAFKA_BROKERS/);
});
