/** What needs a Spark Connect server of its own: restarts, faults, and looks at it from outside. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSpark, supplySpark, type SparkSession } from '../../../clients/spark/index.js';
import { ServerRefused, ServerUnavailable } from '../../../domain/errors.js';
import { listeningAddresses } from '../../support/listening.js';
import { withSparkServer, type SparkServer } from '../../support/sparkServer.js';
import { endless, oneRow, readAll } from './support.js';

/** A server that has just started on a loaded machine takes its time for the first call. */
const patience = { unaryMs: 180_000 };

/** Jobs that run on a server with its UI, by its REST interface. */
async function activeJobs({ ui }: SparkServer): Promise<number> {
  const get = async (path: string): Promise<unknown> =>
    (await fetch(`${ui}/api/v1/applications${path}`)).json();
  const [application] = (await get('')) as { id: string }[];
  return ((await get(`/${application?.id}/jobs?status=running`)) as unknown[]).length;
}

async function untilActive(server: SparkServer, wanted: boolean, patienceMs: number): Promise<boolean> {
  for (const began = Date.now(); Date.now() - began < patienceMs; await sleep(100))
    if ((await activeJobs(server)) > 0 === wanted) return true;
  return false;
}

const lost = (e: unknown): boolean =>
  e instanceof ServerUnavailable &&
  e.retryable &&
  /restarted|does not answer|closed the connection|lost the work/.test(e.message);

describe('a Spark Connect server', () => {
  test('listens on loopback alone, UI included, and has no job 10 s after an abort at any moment', async () => {
    await withSparkServer({ settings: { 'spark.ui.enabled': 'true' } }, async (server) => {
      const addresses = listeningAddresses(server.pid);
      assert.ok(addresses.length >= 2, addresses.join(' '));
      for (const address of addresses) assert.match(address, /^(127\.|::1$|::ffff:127\.)/);
      const session = await openSpark(server.remote, { patience });
      // From before the request has arrived, over planning and compiling, to a running job.
      for (const ms of [0, 20, 100, 300, 600, 1_000, 3_000]) {
        const controller = new AbortController();
        setTimeout(() => controller.abort(new Error('enough')), ms);
        await assert.rejects(
          readAll(session, endless(`after ${ms}`), {}, { signal: controller.signal }),
          /enough/,
        );
        await sleep(1_000);
        assert.ok(
          await untilActive(server, false, 9_000),
          `a job of the query aborted after ${ms} ms runs on`,
        );
      }
      await session.close();
    });
  });

  test('that restarts is noticed by every call, and the session replaced', async () => {
    await withSparkServer({}, async (server) => {
      const supply = supplySpark(server.remote, { patience });
      const open = async (): Promise<SparkSession> => {
        const session = await openSpark(server.remote, { patience });
        await session.command('CREATE TEMPORARY VIEW ten AS SELECT id FROM range(10)');
        return session;
      };
      const calls: readonly [string, (session: SparkSession) => Promise<unknown>][] = [
        ['ping', (session) => session.ping()],
        ['set', (session) => session.set({ 'spark.sql.shuffle.partitions': '3' })],
        ['query', (session) => readAll(session, 'SELECT count(*) AS n FROM range(5)')],
        ['command', (session) => session.command('DROP VIEW IF EXISTS ten')],
        ['createView', (session) => session.createView('v', 'json', { path: '/nowhere' })],
        ['explain', (session) => session.explain('SELECT 1')],
        ['interrupt', (session) => session.interrupt('t')],
      ];
      const sessions = await Promise.all(calls.map(open));
      const supplied = await supply.session();
      const running = (await open()).query(endless('restart'));
      const inFlight = assert.rejects(running.next(), lost);
      await sleep(2_000);
      await server.kill();
      // A killed server is Canceled to HTTP/2, like an abort of our own, and is not taken for one.
      await assert.rejects(
        (sessions[0] ?? supplied).ping(),
        (e) => e instanceof ServerUnavailable && e.message.includes('127.0.0.1'),
      );
      await server.start();
      await inFlight;
      for (const [i, [name, call]] of calls.entries()) {
        const session = sessions[i] ?? supplied;
        await assert.rejects(call(session), lost, name);
        assert.ok(session.broken, `${name} notices that the session is gone`);
        await session.close();
      }
      const next = await supply.session();
      assert.notEqual(next, supplied);
      assert.equal((await oneRow(next, 'SELECT 1 AS one'))['one'], 1);
      await supply.close();
    });
  });

  test('without the JDBC driver is refused with the steps; without spark-mllib a session still closes', async () => {
    await withSparkServer({ without: /^(postgresql|spark-mllib)/ }, async (server) => {
      const session = await openSpark(server.remote, { patience });
      await assert.rejects(
        session.createView('v', 'jdbc', {
          url: 'jdbc:postgresql://127.0.0.1:1/x',
          dbtable: 't',
          driver: 'org.postgresql.Driver',
        }),
        (e) =>
          e instanceof ServerRefused &&
          !e.retryable &&
          e.message.includes('--packages org.postgresql:postgresql') &&
          e.message.includes(server.remote.slice('sc://'.length)),
      );
      await session.close();
    });
  });

  test('that asks for a token refuses others without repeating them', async () => {
    await withSparkServer({ env: { SPARK_CONNECT_AUTHENTICATE_TOKEN: 'right' } }, async (server) => {
      for (const parameters of ['', '/;use_ssl=false;token=secret'])
        await assert.rejects(
          openSpark(server.remote + parameters, { patience }),
          (e) => e instanceof ServerRefused && e.message.includes('token') && !e.message.includes('secret'),
        );
      const session = await openSpark(`${server.remote}/;use_ssl=false;token=right`, { patience });
      await session.close();
      // Given back: the server knows it as closed.
      await assert.rejects(session.ping(), lost);
    });
  });
});
