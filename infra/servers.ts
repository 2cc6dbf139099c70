/**
 * The five servers as a set: started in parallel, each by itself, stopped, and described in servers.json.
 * A server that the environment names is used and never started.
 */
import path from 'node:path';
import { namedByEnvironment } from '../domain/config/servers.js';
import { elasticsearch } from './elasticsearch.js';
import { cacheFolder } from './folders.mjs';
import { kafka } from './kafka.js';
import { withLock } from './lock.mjs';
import { SERVER_NAMES, TITLES, type Progress, type ServerName, type StateFile } from './model.js';
import { PortClaims } from './ports.js';
import { postgres } from './postgres.js';
import { readServersFile } from './serversFile.js';
import { sparkConnect } from './spark.js';
import { livingWorkers } from './sparkCluster.js';
import { startSpark, type SparkKind } from './startSpark.js';
import { startServer, type StartContext } from './startServer.js';
import { stateFolder } from './stateFolder.js';
import { isKnown, stopServer } from './stopServer.js';
import { temporal } from './temporal.js';
import { letThrough } from './user.js';

export { livingWorkers, readServersFile, SERVER_NAMES, TITLES, stateFolder };
export type { Progress, ServerName, SparkKind, StateFile };

const STARTERS: Readonly<
  Record<ServerName, (context: StartContext, spark: SparkKind | undefined) => Promise<Origin>>
> = {
  temporal: (context) => startServer(temporal, context),
  kafka: (context) => startServer(kafka, context),
  postgres: (context) => startServer(postgres, context),
  spark: (context, kind) => startSpark(context, kind),
  elasticsearch: (context) => startServer(elasticsearch, context),
};
const DEFINITIONS = { temporal, kafka, postgres, spark: sparkConnect(), elasticsearch };

export interface StartOptions {
  /** Absent: all five. */
  readonly only?: readonly ServerName[];
  /** Absent: Spark as it runs, in local mode where it does not. */
  readonly spark?: SparkKind;
  /** Absent: CLICKSTREAM_STATE_DIR, else the usual place. */
  readonly stateDir?: string;
  /** Absent: CLICKSTREAM_CACHE_DIR, else the usual place. */
  readonly cacheDir?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: (progress: Progress) => void;
  /** Aborts downloads and builds, and stops a server that is coming up; those that stand keep running. */
  readonly signal?: AbortSignal;
}

/** How a server came to be there. */
export type Origin = 'environment' | 'running' | 'started';

export interface StartReport {
  readonly file: StateFile;
  /** Those that this call started, for whoever wants to stop them again. */
  readonly started: readonly ServerName[];
}

export interface Starting {
  /** Each resolves when that server answers: nobody has to wait for all five. Those not asked for never settle. */
  readonly ready: Readonly<Record<ServerName, Promise<Origin>>>;
  /** Settles after all have: rejects with the first failure, having left the others running. */
  readonly finished: Promise<StartReport>;
}

/** @throws (through `finished` and `ready`) SetUpFailed saying what the machine lacks, or where a server's log is. */
export function startServers(options: StartOptions = {}): Starting {
  const env = options.env ?? process.env;
  const stateDir = path.resolve(options.stateDir ?? stateFolder(env));
  const cacheDir = path.resolve(options.cacheDir ?? cacheFolder(env));
  const wanted = options.only ?? SERVER_NAMES;
  const named = new Set(namedByEnvironment(env));
  const signal = options.signal ?? new AbortController().signal;
  const report = options.onProgress ?? (() => undefined);
  const slots = Object.fromEntries(SERVER_NAMES.map((name) => [name, slot<Origin>()])) as Slots;
  for (const name of wanted) {
    if (!named.has(name)) continue;
    report({ server: name, state: 'ready', what: 'named by the environment' });
    slots[name].resolve('environment');
  }
  const own = wanted.filter((name) => !named.has(name));
  const onWait = (pid: number) => {
    for (const server of own) report({ server, state: 'working', what: `waiting for process ${pid}` });
  };
  const startOwn = async (): Promise<void> => {
    letThrough(cacheDir, 'CLICKSTREAM_CACHE_DIR');
    letThrough(stateDir, 'CLICKSTREAM_STATE_DIR');
    const claims = new PortClaims(path.join(cacheDir, 'ports'));
    const one = (name: ServerName) =>
      STARTERS[name]({ stateDir, cacheDir, env, signal, claims, report }, options.spark).then(
        slots[name].resolve,
        (error: unknown) => {
          report({ server: name, state: 'failed', what: firstLine(error) });
          slots[name].reject(error);
        },
      );
    await Promise.all(own.map(one));
    claims.giveBack();
  };
  const begun =
    own.length === 0
      ? Promise.resolve()
      : withLock(path.join(stateDir, 'lock'), startOwn, { onWait, signal });
  begun.catch((error: unknown) => own.forEach((name) => slots[name].reject(error)));
  const ready = mapSlots(slots);
  return { ready, finished: finish(ready, wanted, stateDir, begun) };
}

async function finish(
  ready: Starting['ready'],
  wanted: readonly ServerName[],
  stateDir: string,
  begun: Promise<void>,
): Promise<StartReport> {
  const origins = await Promise.allSettled(wanted.map((name) => ready[name]));
  // The lock is given back before anybody is told that we are done.
  await begun;
  const failed = origins.find((origin) => origin.status === 'rejected');
  if (failed) throw failed.reason;
  const started = wanted.filter((_, i) => {
    const origin = origins[i];
    return origin?.status === 'fulfilled' && origin.value === 'started';
  });
  return { file: readServersFile(stateDir), started };
}

export interface StopOptions {
  /** Absent: all that run. */
  readonly only?: readonly ServerName[];
  readonly stateDir?: string;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Stops what runs; the data stays. Those that use a server are stopped before it.
 * @returns The servers that were running.
 */
export async function stopServers(options: StopOptions = {}): Promise<readonly ServerName[]> {
  const stateDir = path.resolve(options.stateDir ?? stateFolder(process.env));
  const wanted = options.only ?? SERVER_NAMES;
  const report = options.onProgress ?? (() => undefined);
  const file = readServersFile(stateDir);
  if (!wanted.some((name) => isKnown(file, name))) return [];
  return withLock(path.join(stateDir, 'lock'), async () => {
    const stopped = await Promise.all(
      wanted.map(async (name) => {
        const onStopping = () => report({ server: name, state: 'working', what: 'stopping' });
        const ran = await stopServer(stateDir, DEFINITIONS[name], onStopping);
        if (ran) report({ server: name, state: 'ready', what: 'stopped' });
        return ran ? [name] : [];
      }),
    );
    return stopped.flat();
  });
}

interface Slot<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}
type Slots = Readonly<Record<ServerName, Slot<Origin>>>;

function slot<T>(): Slot<T> {
  let resolve: Slot<T>['resolve'] = () => undefined;
  let reject: Slot<T>['reject'] = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // `finished` tells of every failure; nobody is obliged to listen to the single ones.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

function mapSlots(slots: Slots): Starting['ready'] {
  const entries = SERVER_NAMES.map((name) => [name, slots[name].promise] as const);
  return Object.fromEntries(entries) as unknown as Starting['ready'];
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
