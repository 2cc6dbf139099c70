import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSpark, type SparkSession } from '../../../clients/spark/index.js';
import { ServerUnavailable } from '../../../domain/errors.js';
import { startProxy, type TcpProxy } from '../../support/tcpProxy.js';
import { ADDRESS, checkCount, oneRow, readAll } from './support.js';

/** Quick enough for a test; a loaded machine still answers within the probe. */
const patience = { unaryMs: 5_000, silenceMs: 1_500, probeMs: 3_000 };
const COUNT = 'SELECT id FROM range(0, 300000, 1, 1)';

describe('a query over a connection that fails', () => {
  let proxy: TcpProxy;
  let session: SparkSession;
  before(async () => {
    proxy = await startProxy(ADDRESS);
    session = await openSpark(`sc://127.0.0.1:${proxy.port}`, { patience });
  });
  after(async () => {
    proxy.delay(0);
    await session.close();
    proxy.close();
  });

  /** Reads all rows, doing something to the connection after some of the batches. */
  const readThrough = async (meanwhile: Readonly<Record<number, () => void>>): Promise<void> => {
    let next = 0n;
    let batches = 0;
    for await (const batch of session.query(COUNT)) {
      next = checkCount(batch, next);
      batches += 1;
      meanwhile[batches]?.();
    }
    assert.equal(next, 300_000n);
  };

  test('cut in the middle: every row once', async () => {
    const before = proxy.connections;
    await readThrough({ 2: () => proxy.cut(), 7: () => proxy.cut(), 20: () => proxy.cut() });
    assert.ok(proxy.connections >= before + 2, 'the cuts were felt');
  });

  test('cut before the first response: the query runs all the same', async () => {
    for (const ms of [0, 5, 30, 200]) {
      const cut = sleep(ms).then(() => proxy.cut());
      assert.equal(
        (await oneRow(session, 'SELECT count(*) AS n FROM range(0, 3000000, 1, 2)'))['n'],
        3_000_000n,
      );
      await cut;
    }
  });

  test('half-open in the middle, without a word: another connection takes it up, every row once', async () => {
    await session.ping();
    const before = proxy.connections;
    await readThrough({ 3: () => proxy.silence() });
    assert.equal(proxy.connections, before + 1);
  });

  test('half-open before the first response: the query runs all the same', async () => {
    await session.ping();
    proxy.silence();
    assert.equal((await oneRow(session, 'SELECT 1 AS one'))['one'], 1);
  });

  test('slow and far away: every row once, over one connection', async () => {
    await session.ping();
    const before = proxy.connections;
    proxy.delay(20);
    await readThrough({});
    proxy.delay(0);
    assert.equal(proxy.connections, before);
  });

  test('a job that is silent for longer than the patience is waited for while the server answers', async () => {
    const before = proxy.connections;
    const quiet = await openSpark(`sc://127.0.0.1:${proxy.port}`, {
      patience: { ...patience, silenceMs: 300 },
    });
    try {
      // No progress is told, so nothing comes for as long as the job runs.
      await quiet.set({ 'spark.connect.progress.reportInterval': '1h' });
      const sum = await oneRow(
        quiet,
        "SELECT java_method('java.lang.Thread', 'sleep', 2500L) AS x, 5 AS five",
      );
      assert.equal(sum['five'], 5);
      assert.equal(proxy.connections, before + 1);
    } finally {
      await quiet.close();
    }
  });

  test('an idle connection that was cut or went silent is replaced by the next call', async () => {
    await session.ping();
    proxy.cut();
    await session.ping();
    proxy.silence();
    // The first call finds out, within its deadline; the next one has a connection of its own.
    await session.ping().catch((e: unknown) => assert.ok(e instanceof ServerUnavailable));
    await session.ping();
  });

  test('an abort over a silent connection still ends, and ends the job', async () => {
    const controller = new AbortController();
    const tag = 'over a silent connection';
    setTimeout(() => {
      proxy.silence();
      controller.abort(new Error('enough'));
    }, 500);
    await assert.rejects(
      readAll(
        session,
        "SELECT count(*) FROM range(0, 100000000000, 1, 2) WHERE sha2(CAST(id AS STRING), 256) = 's'",
        {},
        {
          signal: controller.signal,
          tag,
        },
      ),
      /enough/,
    );
    assert.deepEqual(await session.interrupt(tag), []);
  });

  test('a server that stays away is unavailable after a while, by its address', async () => {
    const reading = session.query(COUNT);
    await reading.next();
    await proxy.refuse();
    await assert.rejects(
      async () => {
        while (!(await reading.next()).done);
      },
      (e) => e instanceof ServerUnavailable && e.retryable && e.message.includes(`127.0.0.1:${proxy.port}`),
    );
    await proxy.accept();
    await sleep(50);
    await session.ping();
  });
});

test('an address where nobody listens, and one that swallows everything, are unavailable by name', async () => {
  await assert.rejects(
    openSpark('sc://127.0.0.1:1'),
    (e) => e instanceof ServerUnavailable && e.retryable && e.message.includes('127.0.0.1:1'),
  );
  const hole = await startProxy(ADDRESS);
  try {
    const opening = openSpark(`sc://127.0.0.1:${hole.port}`, { patience: { unaryMs: 1_000 } });
    hole.silence();
    setTimeout(() => hole.silence(), 20);
    await assert.rejects(
      openSpark(`sc://127.0.0.1:${hole.port}`, { signal: AbortSignal.timeout(1) }),
      (e) => e instanceof ServerUnavailable && e.message.includes(`127.0.0.1:${hole.port}`),
    );
    await opening.then(
      (session) => session.close(),
      (e: unknown) => assert.ok(e instanceof ServerUnavailable && e.message.includes(`${hole.port}`)),
    );
  } finally {
    hole.close();
  }
});
