/** An installation of its own on the shared servers: configuration, tables, topic, workers as processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cli, cliJson, ROOT, type CliResult } from './cli.js';
import { testName } from './names.js';

export interface Status {
  readonly records: number;
  readonly persisted: number;
  readonly duplicates: number;
  readonly dead_letters: number;
  readonly filtered: number;
  readonly lag: number;
  readonly marks_waiting: number;
  readonly documents_clicks: number;
  readonly documents_clicks_by_grain: Readonly<Record<string, number>>;
}

export interface WorkerProcess {
  readonly child: ChildProcess;
  /** What it logged so far. */
  log(): string;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
}

export interface Installation {
  readonly name: string;
  readonly topic: string;
  readonly config: string;
  readonly folder: string;
  run(args: readonly string[], env?: Record<string, string>, input?: string): Promise<CliResult>;
  json<T>(args: readonly string[]): Promise<T>;
  status(): Promise<Status>;
  /** Resolves when the worker is ready. */
  worker(options?: { readonly role?: string; readonly env?: Record<string, string> }): Promise<WorkerProcess>;
}

/** The access-log configuration of the project under another name and topic, changed by `edit`. */
export async function withInstallation(
  about: string,
  use: (installation: Installation) => Promise<void>,
  edit: (yaml: string) => string = (yaml) => yaml,
): Promise<void> {
  const name = testName(about);
  const topic = `${name}-clicks`;
  const folder = mkdtempSync(path.join(tmpdir(), `${name}-`));
  const config = path.join(folder, 'clickstream.yaml');
  const yaml = readFileSync(path.join(ROOT, 'clickstream.yaml'), 'utf8')
    .replace(/^name: .*$/m, `name: ${name}`)
    .replace(/topics: \[[^\]]*\]/, `topics: [${topic}]`);
  writeFileSync(config, edit(yaml));

  const env = { CLICKSTREAM_SPOOL_DIR: path.join(folder, 'spool') };
  const workers: WorkerProcess[] = [];
  const installation: Installation = {
    name,
    topic,
    config,
    folder,
    run: (args, more = {}, input = '') =>
      cli(['--config', config, ...args], { env: { ...env, ...more }, input }),
    json: (args) => cliJson(['--config', config, ...args], env),
    status: () => cliJson<Status>(['--config', config, 'status'], env),
    async worker(options = {}) {
      const worker = startWorker(config, options.role ?? 'all', { ...env, ...options.env });
      workers.push(worker);
      await ready(worker);
      return worker;
    },
  };
  try {
    const migrated = await installation.run(['migrate']);
    if (migrated.code !== 0) throw new Error(`migrate exited ${migrated.code}\n${migrated.stderr}`);
    await use(installation);
  } finally {
    for (const { child } of workers) child.kill('SIGTERM');
    await Promise.all(workers.map((worker) => worker.exited));
    rmSync(folder, { recursive: true, force: true });
  }
}

function startWorker(config: string, role: string, env: Record<string, string>): WorkerProcess {
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'dist/workers/main.js'), '--role', role, '--config', config],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  const note = (chunk: string): void => {
    log += chunk;
  };
  child.stdout.setEncoding('utf8').on('data', note);
  child.stderr.setEncoding('utf8').on('data', note);
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, log: () => log, exited };
}

async function ready(worker: WorkerProcess): Promise<void> {
  let ended: number | string | undefined;
  void worker.exited.then((how) => (ended = how));
  await until('the worker to be ready', 60_000, () => {
    if (ended !== undefined) throw new Error(`the worker ended (${ended})\n${worker.log()}`);
    return worker.log().includes('worker ready');
  });
}

/** Looks every 100 ms. @throws when it takes longer than `ms`, naming what was waited for. */
export async function until(what: string, ms: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + ms;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`waited ${ms / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
