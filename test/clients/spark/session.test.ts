import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSpark, SparkQueryFailed, supplySpark, type SparkSession } from '../../../clients/spark/index.js';
import { ServerRefused, ServerUnavailable } from '../../../domain/errors.js';
import { withSparkOfVersion } from '../../support/otherSpark.js';
import { checkCount, endless, oneRow, readAll, REMOTE } from './support.js';

describe('SparkSession', () => {
  let session: SparkSession;
  before(async () => {
    session = await openSpark(REMOTE);
  });
  after(() => session.close());

  test('a result of many batches comes whole and in order', async () => {
    let next = 0n;
    for await (const batch of session.query('SELECT id FROM range(0, 45000, 1, 1)'))
      next = checkCount(batch, next);
    assert.equal(next, 45_000n);
  });

  test('a query that cannot work is final and carries error class and SQLSTATE', async () => {
    await assert.rejects(
      readAll(session, 'SELECT * FROM nowhere'),
      (e) =>
        e instanceof SparkQueryFailed &&
        e.errorClass === 'TABLE_OR_VIEW_NOT_FOUND' &&
        e.sqlState === '42P01' &&
        !e.retryable,
    );
    await assert.rejects(
      session.command('CREATE TEMPORARY VIEW x AS SELECT nothing FROM range(1)'),
      (e) => e instanceof SparkQueryFailed && e.errorClass === 'UNRESOLVED_COLUMN.WITH_SUGGESTION',
    );
  });

  test('the value that an expression stumbled on is in no message', async () => {
    await assert.rejects(
      readAll(session, 'SELECT CAST(:value AS BIGINT) + id AS x FROM range(1)', {
        value: 'visitor-of-a-click',
      }),
      (e) =>
        e instanceof SparkQueryFailed &&
        e.errorClass === 'CAST_INVALID_INPUT' &&
        e.sqlState === '22018' &&
        !e.message.includes('visitor-of-a-click'),
    );
  });

  test('a missing driver and a wrong role are refused; a PostgreSQL that is not there is unavailable', async () => {
    const view = (url: string, driver = 'org.postgresql.Driver'): Promise<void> =>
      session.createView('v', 'jdbc', { url, dbtable: 't', driver });
    await assert.rejects(
      view('jdbc:postgresql://127.0.0.1:1/x', 'org.postgresql.Nope'),
      (e) => e instanceof ServerRefused && e.message.includes('org.postgresql:postgresql'),
    );
    await assert.rejects(
      view('jdbc:postgresql://127.0.0.1:1/x'),
      (e) => e instanceof ServerUnavailable && e.server === 'PostgreSQL',
    );
    const [, , address = ''] = /^(\w+):\/\/.*?([^@/]+\/[^?]*)/.exec(process.env.DATABASE_URL ?? '') ?? [];
    await assert.rejects(
      view(`jdbc:postgresql://${address}?user=nobody_of_this_name`),
      (e) => e instanceof ServerRefused && e.server === 'PostgreSQL' && e.message.includes('SPARK_JDBC_URL'),
    );
  });

  test('a settled query can be explained', async () => {
    assert.match(await session.explain('SELECT id FROM range(5)'), /Range/);
  });

  test('an abort throws its own reason, and a passed deadline says who did not answer', async () => {
    await assert.rejects(readAll(session, endless('own reason'), {}, { signal: abortAfter(700) }), /enough/);
    await assert.rejects(session.ping(AbortSignal.abort(new Error('enough'))), /enough/);
    await assert.rejects(
      readAll(session, endless('deadline'), {}, { signal: AbortSignal.timeout(700) }),
      (e) => e instanceof ServerUnavailable && e.message.includes('in time'),
    );
  });

  test('work is interrupted by its tag, by its operation, and not by those of others', async () => {
    const operationId = randomUUID();
    const interrupted = (e: unknown): boolean =>
      e instanceof ServerUnavailable && e.retryable && e.message.includes('interrupted');
    const tagged = assert.rejects(readAll(session, endless('tag'), {}, { tag: 'a' }), interrupted);
    const single = assert.rejects(
      readAll(session, endless('id'), {}, { tag: 'b', operationId }),
      interrupted,
    );
    await sleep(500);
    assert.deepEqual(await session.interrupt('c'), []);
    assert.equal(await session.interruptOperation(randomUUID()), false);
    assert.equal((await session.interrupt('a')).length, 1);
    await tagged;
    assert.equal(await session.interruptOperation(operationId), true);
    await single;
    await assert.rejects(readAll(session, 'SELECT 1', {}, { tag: 'a,b' }), /comma/);
  });

  test('leaving a result early interrupts that query and none with the same tag', async () => {
    const beside = readAll(
      session,
      "SELECT java_method('java.lang.Math', 'abs', id) AS x FROM range(0, 200000, 1, 1)",
      {},
      { tag: 'same' },
    );
    for await (const batch of session.query('SELECT id FROM range(0, 10000000, 1, 1)', {}, { tag: 'same' })) {
      assert.ok(batch.numRows > 0);
      break;
    }
    assert.equal(
      (await beside).reduce((sum, batch) => sum + batch.numRows, 0),
      200_000,
    );
    assert.deepEqual(await session.interrupt('same'), []);
  });

  test('a signal that many queries share is heard by none of them once they are over', async () => {
    const { signal } = new AbortController();
    for (let i = 0; i < 3; i += 1) {
      await session.command(`CREATE OR REPLACE TEMPORARY VIEW v${i} AS SELECT 1`, {}, { signal });
      await readAll(session, 'SELECT id FROM range(0, 45000, 1, 1)', {}, { signal });
      await assert.rejects(readAll(session, 'SELECT * FROM nowhere', {}, { signal }), SparkQueryFailed);
      for await (const batch of session.query('SELECT id FROM range(0, 10000000, 1, 1)', {}, { signal })) {
        assert.ok(batch.numRows > 0);
        break;
      }
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('progress is told while a query runs, up to its last task', async () => {
    const told: { tasks: number; tasksDone: number; stages: number; stagesDone: number }[] = [];
    const query =
      "SELECT count(*) AS n FROM range(0, 20000000, 1, 4) WHERE sha2(CAST(id AS STRING), 256) = 'p'";
    await readAll(session, query, {}, { onProgress: (progress) => void told.push(progress) });
    assert.ok(told.some(({ tasks }) => tasks >= 4));
    for (const { tasks, tasksDone, stages, stagesDone } of told)
      assert.ok(tasksDone <= tasks && stagesDone <= stages);
  });
});

test('a Spark of a version without theta sketches is refused for good, with the version that is expected', async () => {
  for (const version of ['3.5.6', '4.0.2', '4', 'mine'])
    await withSparkOfVersion(version, (remote) =>
      assert.rejects(
        openSpark(remote),
        (e) =>
          e instanceof ServerRefused &&
          !e.retryable &&
          e.message ===
            `Spark Connect at ${remote.slice('sc://'.length)}: expected version 4.1 or newer, got ${version}`,
      ),
    );
});

describe('supplySpark', () => {
  test('a session that is gone is noticed and replaced, once for all who ask', async () => {
    const supply = supplySpark(REMOTE);
    const [first, same] = await Promise.all([supply.session(), supply.session()]);
    assert.equal(same, first);
    assert.equal(await supply.session(), first);
    await first.close();
    const [second, third] = await Promise.all([supply.session(), supply.session()]);
    assert.notEqual(second, first);
    assert.equal(third, second);
    assert.equal((await oneRow(second, 'SELECT 1 AS one'))['one'], 1);
    await supply.close();
    await assert.rejects(supply.session(), ServerUnavailable);
  });

  test('one that cannot be opened is tried again by the next caller', async () => {
    const supply = supplySpark('sc://127.0.0.1:1');
    await assert.rejects(supply.session(), ServerUnavailable);
    await assert.rejects(supply.session(), ServerUnavailable);
    await supply.close();
  });
});

function abortAfter(ms: number): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), ms);
  return controller.signal;
}
