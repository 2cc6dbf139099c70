import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from './cli.js';
import { whenEnded } from './ending.js';

export interface TestWorker {
  readonly process: ChildProcess;
  /** Everything on stderr so far: JSON lines. */
  log(): string;
  /** As a crash: nothing is tidied up. */
  kill(): Promise<void>;
  /** As an operator does; the exit code (0 when it drained). */
  terminate(): Promise<number | null>;
  /** Resolves with code or signal when the process ends by itself (a failpoint's `kill -9`). */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface WorkerOptions {
  readonly config: string;
  readonly role?: 'all' | 'ingest' | 'analyze';
  /** CLICKSTREAM_FAILPOINT and the like. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is put in front of the command, such as `unshare`; it must become the worker (`exec`), not its parent. */
  readonly inside?: readonly string[];
}

/** A worker process as users run it, ready to work. @throws when it ends before, with its log. */
export async function startWorker({
  config,
  role = 'all',
  env = {},
  inside = [],
}: WorkerOptions): Promise<TestWorker> {
  const [program = process.execPath, ...args] = [
    ...inside,
    process.execPath,
    join(ROOT, 'dist/workers/main.js'),
    ...['--config', config, '--role', role],
  ];
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (log += chunk));
  const ended = whenEnded(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit').then(([code, signal]) => {
    ended();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const ready = new Promise<'ready'>((resolve) => {
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      if (out.includes('worker ready')) resolve('ready');
    });
  });
  const first = await Promise.race([ready, exited]);
  if (first !== 'ready')
    throw new Error(
      `the worker ended with ${first.code ?? first.signal ?? '?'} before it was ready:\n${log}`,
    );
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return (await exited).code;
  };
  return {
    process: child,
    log: () => log,
    kill: async () => void (await end('SIGKILL')),
    terminate: () => end('SIGTERM'),
    exited,
  };
}

/** Lends a worker process and drains it afterwards; one that does not drain is killed after 90 s. */
export async function withWorker<T>(
  options: WorkerOptions,
  use: (worker: TestWorker) => Promise<T>,
): Promise<T> {
  const worker = await startWorker(options);
  try {
    return await use(worker);
  } finally {
    const late = setTimeout(() => worker.process.kill('SIGKILL'), 90_000);
    await worker.terminate();
    clearTimeout(late);
  }
}
