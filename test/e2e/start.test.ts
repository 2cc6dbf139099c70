import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { spawn, type IPty } from '@lydell/node-pty';
import { SERVER_VARIABLE } from '../../domain/config/servers.js';
import type { ServerProcess } from '../../infra/model.js';
import { isAlive } from '../../infra/processes.js';
import { ROOT } from '../support/cli.js';
import { until } from '../support/installation.js';

/** A bare machine's environment: no server is named, and what is started belongs to this test. */
function bareEnvironment(stateDir: string): Record<string, string> {
  const named = new Set([...Object.values(SERVER_VARIABLE), 'PGHOST', 'SPARK_JDBC_URL', 'TEMPORAL_UI_URL']);
  const kept = Object.entries(process.env).filter(([key, value]) => value !== undefined && !named.has(key));
  return { ...(Object.fromEntries(kept) as Record<string, string>), CLICKSTREAM_STATE_DIR: stateDir };
}

/** A terminal with `npm start` in it. */
class Screen {
  private text = '';
  private readonly pty: IPty;
  readonly exited: Promise<number>;

  constructor(stateDir: string, args: readonly string[]) {
    this.pty = spawn(process.execPath, [path.join(ROOT, 'cli/clickstream.mjs'), 'start', ...args], {
      cols: 160,
      rows: 50,
      cwd: ROOT,
      env: bareEnvironment(stateDir),
    });
    this.pty.onData((data) => (this.text += data));
    this.exited = new Promise((resolve) => this.pty.onExit(({ exitCode }) => resolve(exitCode)));
  }

  press(key: string): void {
    this.pty.write(key);
  }

  count(pattern: RegExp): number {
    return this.text.match(new RegExp(pattern, 'g'))?.length ?? 0;
  }

  async shows(pattern: RegExp, times = 1, ms = 180_000): Promise<void> {
    try {
      await until(`${pattern} to show ${times} times`, ms, () => this.count(pattern) >= times);
    } catch (error) {
      throw new Error(`${(error as Error).message}; the screen's end:\n${this.text.slice(-4000)}`, {
        cause: error,
      });
    }
  }
}

test('npm start on a bare machine: clicks to figures, all sent again with the worker killed, an outage, quit', async () => {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'start-'));
  chmodSync(stateDir, 0o755);
  const screen = new Screen(stateDir, ['--records', '3000']);
  try {
    await screen.shows(/q quit/);
    await screen.shows(/3,000 records = [\d,]+ clicks/);
    await screen.shows(/recomputed in SQL, equal/);
    const { processes } = JSON.parse(readFileSync(path.join(stateDir, 'servers.json'), 'utf8')) as {
      processes: Record<string, ServerProcess>;
    };
    const servers = Object.values(processes);
    assert.equal(servers.length, 5, 'five servers of its own');
    assert.ok(servers.every(isAlive));

    screen.press('p');
    await screen.shows(/records sent again/);
    screen.press('k');
    await screen.shows(/kill -9 \d+/);
    await screen.shows(/6,000 records = /);
    await screen.shows(/recomputed in SQL, equal/, 2);

    screen.press('e');
    await screen.shows(/Elasticsearch is stopped/);
    await screen.shows(/Elasticsearch is back/);

    screen.press('q');
    assert.equal(await screen.exited, 0);
    assert.deepEqual(servers.filter(isAlive), [], 'nothing that it started is left');
  } finally {
    screen.press('\u0003');
    await screen.exited;
    rmSync(stateDir, { recursive: true, force: true });
  }
});
