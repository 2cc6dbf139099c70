/** A Spark cluster on loopback: a standalone master with two workers, and the Connect server as its driver. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Place, Ports, ServerDefinition, SparkPart, StateFile } from './model.js';
import { LOOPBACK, answers } from './ports.js';
import { isAlive, terminate } from './processes.js';
import { readServersFile } from './serversFile.js';
import { sparkConnect } from './spark.js';
import { prepareSpark, scratch, sparkCommand, type SparkProgram } from './sparkJvm.js';
import { startServer, type StartContext } from './startServer.js';

const WORKERS = ['spark-worker-1', 'spark-worker-2'] as const;
export const SPARK_PARTS: readonly SparkPart[] = [...WORKERS, 'spark-master'];

/** Each worker lends one executor of one core. */
const EXECUTOR_MEMORY = '1g';
const DAEMON_HEAP = '256m';
/** Daemons do little: they shall start quickly and take few threads. */
const DAEMON_OPTIONS = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
/** A worker that is silent for so long has lost its executors; the default is a minute. */
const WORKER_TIMEOUT_SECONDS = 30;
const STOP_PATIENCE_MS = 10_000;
const ASK_MS = 2_000;

const DAEMON_SETTINGS = {
  // The next port would be one that nobody was told of.
  'spark.port.maxRetries': 0,
  'spark.worker.timeout': WORKER_TIMEOUT_SECONDS,
};

/**
 * Brings up what is missing: the master, then workers and driver together. What lives on goes on working, also
 * across a restart of the master, which finds them in its recovery folder.
 */
export async function startSparkCluster(context: StartContext): Promise<'running' | 'started'> {
  const before = portsOf(context.stateDir, 'spark-master');
  const started = [await startServer(master, context)];
  const ports = portsOf(context.stateDir, 'spark-master');
  if (ports === undefined) throw new Error('the master has no ports');
  // The others look for their master at one address for ever.
  if (before !== undefined && before.main !== ports.main) await stopAllBut('spark-master', context.stateDir);
  const cluster = {
    master: `spark://${LOOPBACK}:${ports.main}`,
    ui: `http://${LOOPBACK}:${ports['ui']}`,
    workers: WORKERS.length,
    executorMemory: EXECUTOR_MEMORY,
  };
  started.push(
    ...(await startTogether(
      [...WORKERS.map((part) => worker(part, cluster)), sparkConnect(cluster)],
      context,
    )),
  );
  const fresh = started.includes('started');
  context.report({ server: 'spark', state: 'ready', what: fresh ? 'ready' : 'running already' });
  return fresh ? 'started' : 'running';
}

/** Several processes that a person sees as one server coming up: one line says who is still waited for. */
async function startTogether(
  definitions: readonly ServerDefinition<'spark', SparkProgram>[],
  context: StartContext,
): Promise<('running' | 'started')[]> {
  const waiting = new Set(definitions.map(({ title = 'driver' }) => title));
  const report: StartContext['report'] = (progress) => {
    if (progress.state === 'working')
      context.report({ ...progress, what: `starting ${[...waiting].join(', ')}` });
  };
  const outcomes = await Promise.allSettled(
    definitions.map(async (definition) => {
      const outcome = await startServer(definition, { ...context, report });
      waiting.delete(definition.title ?? 'driver');
      return outcome;
    }),
  );
  // A failure is told when nothing is starting any more, so that `up` gives its lock back at a quiet moment.
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}

const master: ServerDefinition<'spark', SparkProgram> = {
  name: 'spark',
  part: 'spark-master',
  title: 'master',
  usualPorts: { main: 7077, ui: 8080 },
  startSeconds: 15,
  stopSignal: 'SIGTERM',
  prepare: prepareSpark,
  configure(place, program, ports) {
    const recovery = path.join(place.dir, 'recovery');
    if (!anyAlive(place)) {
      // A master waits for all that it finds there, and nobody is left of it.
      rmSync(recovery, { recursive: true, force: true });
      rmSync(scratch(place), { recursive: true, force: true });
    }
    const settings = properties({
      ...DAEMON_SETTINGS,
      'spark.master.rest.enabled': false,
      'spark.deploy.recoveryMode': 'FILESYSTEM',
      'spark.deploy.recoveryDirectory': recovery,
      // An application whose executors keep dying stays: its next job may do better, and a driver that the
      // master gave up would have to be started again by hand.
      'spark.deploy.maxExecutorRetries': -1,
    });
    return Promise.resolve(
      sparkCommand(place, program, DAEMON_HEAP, [
        ...DAEMON_OPTIONS,
        ...settings,
        'org.apache.spark.deploy.master.Master',
        ...['--host', LOOPBACK],
        ...['--port', String(ports.main)],
        ...['--webui-port', String(ports['ui'])],
      ]),
    );
  },
  async isReady(_place, _program, ports) {
    const state = await askMaster(`http://${LOOPBACK}:${ports['ui']}`);
    return state?.status === 'ALIVE' && (await answers(ports.main));
  },
};

function worker(
  part: (typeof WORKERS)[number],
  cluster: { readonly master: string; readonly ui: string },
): ServerDefinition<'spark', SparkProgram> {
  const number = WORKERS.indexOf(part) + 1;
  return {
    name: 'spark',
    part,
    title: `worker ${number}`,
    usualPorts: { main: 7078, ui: 8081 },
    startSeconds: 12,
    stopSignal: 'SIGTERM',
    prepare: prepareSpark,
    configure(place, program, ports) {
      const work = path.join(place.dir, `work-${number}`);
      rmSync(work, { recursive: true, force: true });
      return Promise.resolve(
        sparkCommand(place, program, DAEMON_HEAP, [
          ...DAEMON_OPTIONS,
          ...properties(DAEMON_SETTINGS),
          'org.apache.spark.deploy.worker.Worker',
          ...['--host', LOOPBACK],
          ...['--port', String(ports.main)],
          ...['--webui-port', String(ports['ui'])],
          ...['--cores', '1'],
          ...['--memory', EXECUTOR_MEMORY],
          ...['--work-dir', work],
          cluster.master,
        ]),
      );
    },
    async isReady(_place, _program, ports) {
      const state = await askMaster(cluster.ui);
      return state?.workers.some(({ port, state }) => port === ports.main && state === 'ALIVE') ?? false;
    },
  };
}

interface MasterState {
  readonly status: string;
  readonly workers: readonly { readonly port: number; readonly state: string }[];
}

/** What the master's page says to programs; undefined when it does not answer. */
async function askMaster(ui: string): Promise<MasterState | undefined> {
  try {
    const response = await fetch(`${ui}/json/`, { signal: AbortSignal.timeout(ASK_MS) });
    return (await response.json()) as MasterState;
  } catch {
    return undefined;
  }
}

/** How many workers the master counts on; undefined when it does not answer. */
export async function livingWorkers(ui: string): Promise<number | undefined> {
  const state = await askMaster(ui);
  return state?.workers.filter((worker) => worker.state === 'ALIVE').length;
}

/** How Spark was brought up last, and still is for all that `up` knows. */
export function sparkKind({ processes }: StateFile): 'local' | 'cluster' | undefined {
  if (processes['spark-master']) return 'cluster';
  return processes.spark ? 'local' : undefined;
}

const properties = (settings: Readonly<Record<string, string | number | boolean>>): string[] =>
  Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);

const portsOf = (stateDir: string, part: SparkPart): Ports | undefined =>
  readServersFile(stateDir).processes[part]?.ports;

function anyAlive(place: Place): boolean {
  const { processes } = readServersFile(path.dirname(place.dir));
  return (['spark', ...WORKERS] as const).some((name) => {
    const known = processes[name];
    return known !== undefined && isAlive(known);
  });
}

async function stopAllBut(kept: SparkPart, stateDir: string): Promise<void> {
  const { processes } = readServersFile(stateDir);
  const doomed = (['spark', ...SPARK_PARTS] as const).filter((name) => name !== kept);
  const known = doomed.flatMap((name) => processes[name] ?? []);
  await Promise.all(known.map((one) => terminate(one, 'SIGTERM', STOP_PATIENCE_MS)));
}
