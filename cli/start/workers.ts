import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../clients/settings/loadConfig.js';
import { ServerUnavailable } from '../../domain/errors.js';

export type WorkerRole = 'ingest' | 'analyze';

/** Longer than a worker's own grace: only a worker that hangs is killed. */
const STOP_WITHIN_MS = 75_000;
/** A killed worker comes back as a supervisor would bring it back. */
const RESTART_AFTER_MS = 2_000;
const READY = 'worker ready';

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
}

/**
 * The worker processes of `npm start`: one for ingestion, up as soon as Kafka, PostgreSQL and Temporal are, and
 * one for analysis. A worker that dies is started again until `stop`. Their logs go to one file.
 */
export class Workers {
  private readonly running = new Map<WorkerRole, Running>();
  private stopping = false;

  /** @param log file that the workers' stderr is appended to. */
  constructor(
    private readonly config: string,
    readonly log: string,
    private readonly onRestart: (role: WorkerRole) => void,
  ) {
    mkdirSync(dirname(log), { recursive: true });
  }

  /** Resolves when the worker polls its queues. @throws ServerUnavailable naming the log when it ends before. */
  async start(role: WorkerRole): Promise<void> {
    const stderr = openSync(this.log, 'a', 0o600);
    const child = spawn(
      process.execPath,
      [join(projectRoot(), 'dist/workers/main.js'), '--role', role, '--config', this.config],
      // Its own group: a Ctrl-C on the terminal is for us, and we stop the workers in order.
      { stdio: ['ignore', 'pipe', stderr], detached: true },
    );
    closeSync(stderr);
    const exited = once(child, 'exit');
    this.running.set(role, { child, exited });
    void exited.then(([code, signal]: unknown[]) => this.revive(role, child, code, signal));
    await this.ready(role, child);
  }

  private ready(role: WorkerRole, child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      let said = '';
      child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        if (said.includes(READY)) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        const how = `exit ${code ?? signal ?? 'unknown'}`;
        reject(
          new ServerUnavailable(
            'Temporal',
            `the ${role} worker ended before it was ready (${how}); see ${this.log}`,
          ),
        );
      });
    });
  }

  /** Only a killed worker comes back: one that exits by itself refused to run, and would again. */
  private revive(role: WorkerRole, child: ChildProcess, code: unknown, signal: unknown): void {
    if (this.running.get(role)?.child !== child) return;
    this.running.delete(role);
    if (this.stopping || code !== null || signal === null) return;
    setTimeout(() => {
      if (this.stopping) return;
      this.start(role).then(
        () => this.onRestart(role),
        () => undefined,
      );
    }, RESTART_AFTER_MS);
  }

  /** `kill -9` of every worker, in the middle of whatever they do. Returns the pids. */
  kill(): number[] {
    const children = [...this.running.values()].map(({ child }) => child);
    for (const child of children) child.kill('SIGKILL');
    return children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Drains and ends all workers. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(
      [...this.running.values()].map(async ({ child, exited }) => {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
        await exited;
        clearTimeout(timer);
      }),
    );
  }
}
