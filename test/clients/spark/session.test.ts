import assert from 'node:assert/strict';
import { createServer, connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { openSpark, SparkQueryFailed, supplySpark, type SparkSession } from '../../../clients/spark/index.js';
import { ServerRefused, ServerUnavailable } from '../../../domain/errors.js';

const remote = process.env.SPARK_REMOTE ?? 'sc://127.0.0.1:15002';

async function rows(session: SparkSession, query: string, values = {}): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const batch of session.query(query, values)) for (const row of batch) found.push(row.toJSON());
  return found;
}

/** A way to Spark that can be cut: every connection through it ends at once, later ones pass. */
async function startProxy(): Promise<{ remote: string; cut(): void; close(): void }> {
  const { hostname, port } = new URL(remote.replace('sc://', 'http://'));
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(Number(port), hostname);
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    remote: `sc://127.0.0.1:${address.port}`,
    cut,
    close() {
      cut();
      server.close();
    },
  };
}

describe('SparkSession', () => {
  let session: SparkSession;
  before(async () => {
    session = await openSpark(remote);
  });
  after(() => session.close());

  test('values travel as parameters and come back as they were', async () => {
    const text = `'; DROP TABLE x -- \\ " \u{1f600}`;
    const [row] = await rows(session, 'SELECT :text AS text, :big AS big, :none AS none, :flag AS flag', {
      text,
      big: 2n ** 62n,
      none: null,
      flag: true,
    });
    assert.deepEqual({ ...row }, { text, big: 2n ** 62n, none: null, flag: true });
  });

  test('a result of many batches comes whole and in order', async () => {
    let next = 0n;
    for await (const batch of session.query('SELECT id FROM range(0, 45000, 1, 1)'))
      for (const id of batch.getChild('id') ?? []) {
        assert.equal(id, next);
        next += 1n;
      }
    assert.equal(next, 45_000n);
  });

  test('a query that cannot work is final and carries the error class', async () => {
    await assert.rejects(
      rows(session, 'SELECT * FROM nowhere'),
      (e) => e instanceof SparkQueryFailed && e.errorClass === 'TABLE_OR_VIEW_NOT_FOUND' && !e.retryable,
    );
    await assert.rejects(rows(session, 'SELECT 1 / 0'), SparkQueryFailed);
  });

  test('a server that is not there is unavailable; a missing driver and a wrong role are refused', async () => {
    await assert.rejects(openSpark('sc://127.0.0.1:1'), ServerUnavailable);
    await assert.rejects(
      session.createView('v', 'jdbc', {
        url: 'jdbc:postgresql://127.0.0.1:1/x',
        dbtable: 't',
        driver: 'org.postgresql.Nope',
      }),
      (e) => e instanceof ServerRefused && e.message.includes('org.postgresql:postgresql'),
    );
    await assert.rejects(
      session.createView('v', 'jdbc', {
        url: 'jdbc:postgresql://127.0.0.1:1/x',
        dbtable: 't',
        driver: 'org.postgresql.Driver',
      }),
      (e) => e instanceof ServerUnavailable && e.server === 'PostgreSQL',
    );
    const [, , address = ''] = /^(\w+):\/\/.*?([^@/]+\/[^?]*)/.exec(process.env.DATABASE_URL ?? '') ?? [];
    await assert.rejects(
      session.createView('v', 'jdbc', {
        url: `jdbc:postgresql://${address}?user=nobody_of_this_name`,
        dbtable: 't',
        driver: 'org.postgresql.Driver',
      }),
      (e) => e instanceof ServerRefused && e.server === 'PostgreSQL' && e.message.includes('SPARK_JDBC_URL'),
    );
  });

  test('aborting a query interrupts its job on the server', async () => {
    const controller = new AbortController();
    const slow =
      "SELECT count(*) AS n FROM range(0, 100000000000, 1, 2) WHERE sha2(CAST(id AS STRING), 256) = 'x'";
    setTimeout(() => controller.abort(new Error('enough')), 1500);
    const began = Date.now();
    await assert.rejects(async () => {
      for await (const batch of session.query(slow, {}, { signal: controller.signal, tag: 'slow' }))
        void batch;
    }, /enough/);
    assert.ok(Date.now() - began < 10_000);
    // Both cores are free again: a query that needs them is quick.
    const again = Date.now();
    await rows(session, 'SELECT count(*) AS n FROM range(0, 1000, 1, 2)');
    assert.ok(Date.now() - again < 10_000);
  });

  test('progress is told while a query runs', async () => {
    let told = 0;
    const query =
      "SELECT count(*) AS n FROM range(0, 20000000, 1, 4) WHERE sha2(CAST(id AS STRING), 256) = 'x'";
    for await (const batch of session.query(
      query,
      {},
      { onProgress: (progress) => (told += progress.tasks) },
    ))
      void batch;
    assert.ok(told > 0);
  });

  test('a connection cut in mid-query is taken up again: every row once', async () => {
    const proxy = await startProxy();
    try {
      const cut = await openSpark(proxy.remote);
      let seen = 0n;
      let batches = 0;
      for await (const batch of cut.query('SELECT id FROM range(0, 200000, 1, 1)')) {
        for (const id of batch.getChild('id') ?? []) {
          assert.equal(id, seen);
          seen += 1n;
        }
        batches += 1;
        if (batches === 2 || batches === 7) proxy.cut();
      }
      assert.equal(seen, 200_000n);
      // Before the first response, too.
      setTimeout(() => proxy.cut(), 30);
      assert.equal((await rows(cut, 'SELECT count(*) AS n FROM range(0, 3000000, 1, 2)'))[0]?.n, 3_000_000n);
      await cut.close();
    } finally {
      proxy.close();
    }
  });

  test('a session that is gone is noticed and replaced', async () => {
    const supply = supplySpark(remote);
    const first = await supply.session();
    assert.equal(await supply.session(), first);
    await first.close();
    const second = await supply.session();
    assert.notEqual(second, first);
    assert.equal((await rows(second, 'SELECT 1 AS one'))[0]?.one, 1);
    await supply.close();
  });
});
