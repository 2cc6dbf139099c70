import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSparkRemote } from '../../../clients/spark/index.js';
import { ConfigurationError } from '../../../domain/errors.js';

test("Spark's addresses are read as Spark reads them", () => {
  assert.deepEqual(parseSparkRemote('sc://spark.example'), {
    baseUrl: 'http://spark.example:15002',
    address: 'spark.example:15002',
    userId: 'clickstream',
    headers: {},
  });
  assert.deepEqual(parseSparkRemote('sc://h:443/;token=a%3Db;user_id=me;x-trace=1'), {
    baseUrl: 'https://h:443',
    address: 'h:443',
    token: 'a=b',
    userId: 'me',
    headers: { 'x-trace': '1' },
  });
  assert.equal(parseSparkRemote('sc://h:1/;use_ssl=true').baseUrl, 'https://h:1');
  assert.equal(parseSparkRemote('sc://[::1]:7/;token=t;use_ssl=false').baseUrl, 'http://[::1]:7');
});

for (const wrong of [
  'http://h:1',
  'sc://',
  'sc://h:99999',
  'sc://h/path;token=secret',
  'sc://h/;token',
  'sc://h/;use_ssl=1;token=secret',
])
  test(`${wrong} is refused without repeating its parameters`, () => {
    assert.throws(
      () => parseSparkRemote(wrong),
      (e) =>
        e instanceof ConfigurationError &&
        e.message.includes('SPARK_REMOTE') &&
        !e.message.includes('secret'),
    );
  });
