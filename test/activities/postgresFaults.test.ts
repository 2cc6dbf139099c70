import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { openPostgres } from '../../clients/postgres/pool.js';
import { parseServers } from '../../domain/config/servers.js';
import { until } from '../support/installation.js';
import { openWire } from '../support/wire.js';
import { clicks, install, type Installation } from './installation.js';
import { sumOf } from './sums.js';

const unavailable = (e: unknown): boolean =>
  e instanceof ApplicationFailure && e.type === 'ServerUnavailable';

async function withInstallation(use: (i: Installation) => Promise<void>): Promise<void> {
  const installation = await install('pgfault');
  try {
    await use(installation);
  } finally {
    await installation.close();
  }
}

/** The attempt does this the first time it comes by the place. */
function at(i: Installation, place: string, act: () => Promise<unknown>): Installation {
  let done = false;
  return {
    ...i,
    failpoint: async (name) => {
      if (name !== place || done) return;
      done = true;
      await act();
    },
  };
}

describe('faults of PostgreSQL in the midst of a batch', () => {
  for (const place of ['persistBatch:mid-copy', 'persistBatch:before-commit'])
    test(`pg_terminate_backend at ${place}: nothing is written, the next attempt writes all`, () =>
      withInstallation(async (i) => {
        await i.produce(clicks(800));
        const { batch } = await i.consume();
        assert.ok(batch);
        const cut = at(i, place, async () => {
          const ended = await i.rows(
            `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
              WHERE starts_with(application_name, $1) AND xact_start IS NOT NULL`,
            [`${i.config.name}:persistBatch:`],
          );
          assert.deepEqual(ended, [{ ended: true }]);
        });
        await assert.rejects(cut.persist(batch), unavailable);
        assert.deepEqual(await i.rows('SELECT count(*)::int AS n FROM click_data'), [{ n: 0 }]);
        assert.deepEqual(sumOf([await i.persist(batch, 2)]), [800, 800, 0, 0, 0]);
      }));

  test('a lock of somebody else on a day: waited for, given up in time, never broken', () =>
    withInstallation(async (i) => {
      await i.produce(clicks(100));
      await i.drain();
      await i.produce(clicks(100, 1000));
      const { batch } = await i.consume();
      assert.ok(batch);
      const owner = await i.postgres.pool.connect();
      await owner.query('BEGIN; LOCK TABLE click_data_20260101 IN ACCESS EXCLUSIVE MODE');
      await assert.rejects(i.persist(batch), unavailable, 'five waits of a third of the heartbeat time-out');
      const persisted = i.persist(batch, 2);
      await until('the attempt to wait for it', 60_000, async () => {
        const waiting = await i.rows(
          `SELECT FROM pg_stat_activity WHERE starts_with(application_name, $1) AND wait_event_type = 'Lock'`,
          [`${i.config.name}:persistBatch:`],
        );
        return waiting.length > 0;
      });
      await owner.query('COMMIT');
      owner.release();
      assert.deepEqual(sumOf([await persisted]), [100, 100, 0, 0, 0]);
    }));

  test('a pool that is exhausted for a while', () =>
    withInstallation(async (i) => {
      await i.produce(clicks(100));
      const { batch } = await i.consume();
      assert.ok(batch);
      const { pool } = i.postgres;
      const taken = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
      const persisted = i.persist(batch);
      await until('the attempt to wait for a connection', 60_000, () => pool.waitingCount > 0);
      for (const client of taken) client.release();
      assert.deepEqual(sumOf([await persisted]), [100, 100, 0, 0, 0]);
    }));

  test('a connection that falls silent in mid-COPY: the attempt is given up, the next one ends its session', () =>
    withInstallation(async (i) => {
      const wire = await openWire(process.env['DATABASE_URL'] ?? '');
      const servers = parseServers({ ...process.env, DATABASE_URL: wire.url });
      const postgres = openPostgres(servers, i.config.name);
      try {
        await i.produce(clicks(800));
        const { batch } = await i.consume();
        assert.ok(batch);
        const silent = at({ ...i, postgres }, 'persistBatch:mid-copy', () => {
          wire.fallSilent();
          return Promise.resolve();
        });
        await assert.rejects(silent.persist(batch), /PostgreSQL has not moved for 18000 ms/);
        assert.deepEqual(sumOf([await i.persist(batch, 2)]), [800, 800, 0, 0, 0]);
      } finally {
        await wire.cut();
        await postgres.close();
      }
    }));
});
