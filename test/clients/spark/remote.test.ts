import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSpark, parseSparkRemote } from '../../../clients/spark/index.js';
import { ConfigurationError } from '../../../domain/errors.js';

test("Spark's addresses are read as Spark reads them", () => {
  assert.deepEqual(parseSparkRemote('sc://spark.example'), {
    baseUrl: 'http://spark.example:15002',
    address: 'spark.example:15002',
    userId: 'clickstream',
    clientType: 'clickstream',
    headers: {},
  });
  assert.deepEqual(parseSparkRemote('sc://h:443/;token=a%3Db;user_id=me;user_agent=us;x-trace=1'), {
    baseUrl: 'https://h:443',
    address: 'h:443',
    token: 'a=b',
    userId: 'me',
    clientType: 'us',
    headers: { 'x-trace': '1' },
  });
  assert.equal(parseSparkRemote('sc://h:1/;use_ssl=true').baseUrl, 'https://h:1');
  assert.equal(parseSparkRemote('sc://[::1]:7/;token=t;use_ssl=false').baseUrl, 'http://[::1]:7');
  // The port that HTTP would leave out.
  assert.equal(parseSparkRemote('sc://h:80').address, 'h:80');
  assert.equal(parseSparkRemote('sc://h:80/').address, 'h:80');
});

const WRONG: readonly [remote: string, named: RegExp][] = [
  ['http://h:1', /sc:\/\//],
  ['sc://', /host or port/],
  ['sc://h:99999', /host or port/],
  ['sc://h:0', /port/],
  ['sc://me:secret@h:1', /user or password/],
  ['sc://h/path;token=secret', /path/],
  ['sc://h:1;token=secret', /\/;/],
  ['sc://h/;token=se?cret', /%3F/],
  ['sc://h/;token', /name=value/],
  ['sc://h/;token=', /"token"/],
  ['sc://h/;token=secret%0a', /"token"/],
  ['sc://h/;token=secret%', /"token"/],
  ['sc://h/;token=secret;token=other', /"token"/],
  ['sc://h/;use_ssl=1;token=secret', /"use_ssl"/],
  ['sc://h/;user_id=;token=secret', /"user_id"/],
  ['sc://h/;user_agent=', /"user_agent"/],
  ['sc://h/;use_ssl=false;bad header=x', /"bad header"/],
  ['sc://h/;session_id=6f1e8c1e-0000-4000-8000-000000000000', /"session_id"/],
  ['sc://h/;x@y=secret', /"x@y"/],
  ['sc://h/;grpc-timeout=1', /"grpc-timeout"/],
  ['sc://h/;x-key=secret%e2%82%ac', /"x-key"/],
  ['sc://h/;authorization=secret;token=secret', /"authorization"/],
];

for (const [wrong, named] of WRONG)
  test(`${wrong} is refused by the parameter's name, without its value and before any connection`, async () => {
    await assert.rejects(
      openSpark(wrong),
      (e) =>
        e instanceof ConfigurationError &&
        e.message.includes('SPARK_REMOTE') &&
        named.test(e.message) &&
        !e.message.includes('secret'),
    );
  });
