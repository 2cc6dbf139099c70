import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { clicks, install, type Installation } from '../activities/installation.js';
import { sumOf } from '../activities/sums.js';
import { cli } from '../support/cli.js';
import { killServersOf } from '../support/ending.js';
import { until } from '../support/installation.js';

const stateDir = mkdtempSync(path.join(tmpdir(), 'clickstream-postgres-'));
/** A PostgreSQL of this test's own; an empty DATABASE_URL names none. */
const env = { CLICKSTREAM_STATE_DIR: stateDir, DATABASE_URL: '' };

async function up(): Promise<{ readonly url: string; readonly pid: number }> {
  const started = await cli(['up', '--only', 'postgres'], { env });
  assert.equal(started.code, 0, started.stderr);
  const file = JSON.parse(readFileSync(path.join(stateDir, 'servers.json'), 'utf8')) as {
    readonly postgres: { readonly url: string };
    readonly processes: { readonly postgres: { readonly pid: number } };
  };
  return { url: file.postgres.url, pid: file.processes.postgres.pid };
}

const ended = killServersOf(stateDir);
before(async () => {
  process.env['DATABASE_URL'] = (await up()).url;
});
after(async () => {
  await cli(['down'], { env });
  ended();
  rmSync(stateDir, { recursive: true, force: true });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** As `pg_ctl restart -m immediate` does: no check point, recovery at the next start. */
async function crash(): Promise<void> {
  const { pid } = await up();
  process.kill(pid, 'SIGQUIT');
  await until('PostgreSQL to be gone', 20_000, () => !isAlive(pid));
}

function crashing(i: Installation, place: string): Installation {
  let done = false;
  return {
    ...i,
    failpoint: async (name) => {
      if (name !== place || done) return;
      done = true;
      await crash();
      if (place.endsWith('after-commit')) throw new Error('the answer is lost');
    },
  };
}

describe('PostgreSQL crashes (restart -m immediate) at', () => {
  for (const [place, written] of [
    ['persistBatch:mid-copy', 0],
    ['persistBatch:before-commit', 0],
    ['persistBatch:after-commit', 800],
  ] as const)
    test(`${place}: ${written === 0 ? 'nothing' : 'all'} is written, and the next attempt answers right`, async () => {
      const i = await install('crash');
      try {
        await i.produce(clicks(800));
        const { batch } = await i.consume();
        assert.ok(batch);
        await assert.rejects(
          crashing(i, place).persist(batch),
          (e: unknown) => e instanceof ApplicationFailure && e.nonRetryable !== true,
        );
        await up();
        assert.deepEqual(await i.rows('SELECT count(*)::int AS n FROM click_data'), [{ n: written }]);
        const again = await i.persist(batch, 2);
        assert.deepEqual(sumOf([again]), [800, 800, 0, 0, 0]);
        assert.equal(again.outcome === 'persisted' && again.replayed, written > 0);
      } finally {
        await i.close();
      }
    });
});
