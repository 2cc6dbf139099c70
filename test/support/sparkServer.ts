/** A Spark Connect server of a test's own on loopback, for what no shared server may suffer or has. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder } from '../../infra/folders.mjs';
import { choosePorts, LOOPBACK, PortClaims } from '../../infra/ports.js';
import { logTail } from '../../infra/processes.js';
import { sparkConnect } from '../../infra/spark.js';
import { whenEnded } from './ending.js';

export interface SparkServerOptions {
  /** The driver's heap, such as `512m`; default 1g. */
  readonly heap?: string;
  /** Settings of Spark beside those of `up`, or instead of them. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** The time zone of its JVM; default UTC. */
  readonly zone?: string;
  /** Jars left out of the class path. */
  readonly without?: RegExp;
}

export interface SparkServer {
  readonly remote: string;
  /** Where the UI and its REST interface listen, with `spark.ui.enabled`. */
  readonly ui: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** Where its output goes. */
  readonly log: string;
  /** Resolves when it answers; after `kill` on the same port. */
  start(): Promise<void>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Apart from those of other test processes at the same moment: a port that is free now may be taken soon. */
const BASE_PORT = 31_000 + (process.pid % 300) * 4;
const START_PATIENCE_MS = 240_000;

export async function withSparkServer(
  options: SparkServerOptions,
  use: (server: SparkServer) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'spark-server-'));
  let child: ChildProcess | undefined;
  const ended = whenEnded(() => void child?.kill('SIGKILL'));
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  };
  try {
    const dir = path.join(folder, 'spark');
    mkdirSync(dir);
    const place = {
      cacheDir: cacheFolder(process.env),
      dir,
      env: process.env,
      signal: new AbortController().signal,
    };
    const claims = new PortClaims(path.join(folder, 'ports'));
    const ports = await choosePorts({ main: BASE_PORT, ui: BASE_PORT + 2 }, undefined, claims);
    const spark = sparkConnect();
    const program = await spark.prepare(place, () => undefined);
    const command = await spark.configure(place, program, ports);
    const args = changed(command.args, options, ports['ui'] ?? 0);
    const log = path.join(folder, 'spark.log');
    const start = async (): Promise<void> => {
      const out = openSync(log, 'a');
      child = spawn(command.file, args, {
        cwd: command.cwd,
        env: { ...command.env, ...options.env },
        stdio: ['ignore', out, out],
      });
      closeSync(out);
      for (const began = Date.now(); !(await spark.isReady(place, program, ports)); await sleep(200)) {
        if (child.exitCode !== null || Date.now() - began > START_PATIENCE_MS)
          throw new Error(`Spark does not answer; the end of its log:\n${logTail(log)}`);
      }
    };
    await start();
    await use({
      remote: `sc://${LOOPBACK}:${ports.main}`,
      ui: `http://${LOOPBACK}:${ports['ui']}`,
      get pid() {
        return child?.pid ?? 0;
      },
      log,
      start,
      kill,
    });
  } finally {
    await kill();
    ended();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The arguments of `up` with the options in their places. */
function changed(args: readonly string[], options: SparkServerOptions, uiPort: number): string[] {
  const { heap = '1g', settings = {}, zone = 'UTC', without } = options;
  const classPath = args.findIndex((arg) => arg === '-cp') + 1;
  const jars = path.dirname(args[classPath] ?? '');
  const kept =
    without &&
    readdirSync(jars)
      .filter((jar) => !without.test(jar))
      .map((jar) => path.join(jars, jar))
      .join(path.delimiter);
  const more = Object.entries({ 'spark.ui.port': String(uiPort), ...settings });
  return args.flatMap((arg, i) => {
    // It lives for a few queries: code that is compiled well comes too late for them.
    if (arg.startsWith('-Xmx')) return ['-XX:TieredStopAtLevel=1', `-Xmx${heap}`];
    if (arg.startsWith('-Duser.timezone=')) return [`-Duser.timezone=${zone}`];
    if (i === classPath && kept !== undefined) return [kept];
    if (args[i - 1] === '--driver-memory') return [heap];
    // The last of several values of a setting counts; the resource at the end comes behind all of them.
    if (i === args.length - 1)
      return [...more.flatMap(([name, value]) => ['--conf', `${name}=${value}`]), arg];
    return [arg];
  });
}
