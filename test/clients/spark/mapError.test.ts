import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { mapSparkError } from '../../../clients/spark/mapError.js';
import { ServerExhausted, ServerUnavailable } from '../../../domain/errors.js';

const LOST =
  'Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, most recent failure: Lost task 0.3 in stage 0.0 (TID 3)';
const mapped = (text: string): Error => mapSparkError(new ConnectError(text, Code.Internal), 'spark:15002');

describe('what Spark says of work that it lost', () => {
  for (const [what, text] of [
    [
      'a heap that is full',
      `${LOST} (127.0.0.1 executor driver): java.lang.OutOfMemoryError: Java heap space`,
    ],
    ['the JDBC driver’s', 'org.postgresql.util.PSQLException: Ran out of memory retrieving query results.'],
    [
      'an executor without heap',
      `${LOST} (10.0.0.7 executor 5): ExecutorLostFailure (executor 5 exited caused by one of the running tasks) Reason: Command exited with code 52`,
    ],
    [
      'an executor that Kubernetes killed',
      `${LOST} (10.0.0.7 executor 5): ExecutorLostFailure (executor 5 exited caused by one of the running tasks) Reason: The executor with id 5 exited with exit code 137(SIGKILL, possible container OOM).`,
    ],
    [
      'a container of YARN',
      `${LOST} (10.0.0.7 executor 5): ExecutorLostFailure (executor 5 exited caused by one of the running tasks) Reason: Container killed by YARN for exceeding physical memory limits. 1.5 GB of 1.5 GB physical memory used.`,
    ],
  ] as const)
    test(`${what}: out of memory, with the settings that give more`, () => {
      const error = mapped(text);
      assert.ok(error instanceof ServerExhausted, error.message);
      assert.match(error.message, /Spark at spark:15002 ran out of memory: .*spark\.executor\.memory/);
    });

  test('an executor whose host was taken away: an outage', () => {
    const error = mapped(
      `${LOST} (10.0.0.7 executor 5): ExecutorLostFailure (executor 5 exited unrelated to the running tasks) Reason: worker lost`,
    );
    assert.ok(error instanceof ServerUnavailable, error.message);
  });

  test('a full disk of PostgreSQL, met while it sorts for Spark: its own disk is named, not Spark', () => {
    const error = mapped(
      `${LOST} (127.0.0.1 executor driver): org.postgresql.util.PSQLException: ERROR: could not write to file "base/pgsql_tmp/pgsql_tmp118.0": No space left on device`,
    );
    assert.ok(error instanceof ServerUnavailable && error.server === 'PostgreSQL', error.message);
    assert.match(error.message, /^PostgreSQL's disk is full: make room there/);
  });
});
