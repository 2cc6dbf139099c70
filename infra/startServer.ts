/** One server from nothing to its first answer, whatever was left of it last time. */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetUpFailed } from './failure.js';
import {
  TITLES,
  type Place,
  type Progress,
  type Report,
  type ServerDefinition,
  type ServerName,
  type ServerProcess,
} from './model.js';
import { choosePorts, isFree, type PortClaims } from './ports.js';
import { isAlive, launch, logTail, terminate } from './processes.js';
import { readServersFile, updateServersFile } from './serversFile.js';

/** Elasticsearch on a loaded machine took 60 s; three times that means that it hangs. */
const START_PATIENCE_MS = 180_000;
const POLL_MS = 150;
/** Another process can take a port between our look and the server's. */
const ATTEMPTS = 3;

export interface StartContext {
  readonly stateDir: string;
  readonly cacheDir: string;
  readonly env: Place['env'];
  readonly signal: AbortSignal;
  readonly claims: PortClaims;
  readonly report: (progress: Progress) => void;
}

export async function startServer<N extends ServerName, Program>(
  server: ServerDefinition<N, Program>,
  context: StartContext,
): Promise<'running' | 'started'> {
  const { name } = server;
  const entry = server.part ?? name;
  const { stateDir, cacheDir, env, signal } = context;
  const place: Place = { cacheDir, dir: path.join(stateDir, name), env, signal };
  const report: Report = (what, secondsLeft) =>
    context.report({
      server: name,
      state: 'working',
      what,
      ...(secondsLeft !== undefined && { secondsLeft: secondsLeft + server.startSeconds }),
    });
  const known = readServersFile(stateDir).processes[entry];
  report(known && isAlive(known) ? 'looking at the running one' : 'preparing');
  const program = await server.prepare(place, report);
  const alive = known && isAlive(known) ? known : undefined;
  const running = alive ?? (await bringUp(server, program, place, context));
  if (alive) await waitUntilReady(server, program, place, alive, context);
  const addresses = server.addresses?.(place, running.ports);
  if (addresses !== undefined) {
    updateServersFile(stateDir, (file) => ({ ...file, [name]: addresses }));
    context.report({ server: name, state: 'ready', what: alive ? 'running already' : 'ready' });
  }
  return alive ? 'running' : 'started';
}

async function bringUp<N extends ServerName, Program>(
  server: ServerDefinition<N, Program>,
  program: Program,
  place: Place,
  context: StartContext,
): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt += 1) {
    const running = await spawnOn(server, program, place, context);
    try {
      await waitUntilReady(server, program, place, running, context);
      return running;
    } catch (error) {
      if (attempt === ATTEMPTS || isAlive(running) || !(await lostItsPort(running))) throw error;
    }
  }
}

/** Whether somebody else listens on one of the ports of a process that is gone. */
async function lostItsPort(gone: ServerProcess): Promise<boolean> {
  const free = await Promise.all(Object.values(gone.ports).map((port) => isFree(port)));
  return free.includes(false);
}

async function spawnOn<N extends ServerName, Program>(
  server: ServerDefinition<N, Program>,
  program: Program,
  place: Place,
  context: StartContext,
): Promise<ServerProcess> {
  const { stateDir, claims } = context;
  const logs = path.join(stateDir, 'logs');
  mkdirSync(logs, { recursive: true });
  const entry = server.part ?? server.name;
  const log = path.join(logs, `${entry}.log`);
  const ports = await choosePorts(server.usualPorts, readServersFile(stateDir).lastPorts[entry], claims);
  const command = await server.configure(place, program, ports);
  // What the log says of earlier starts would mislead in a message about this one.
  rotate(log);
  const { pid, started } = await launch(command, log);
  const running: ServerProcess = { pid, started, ports, log };
  // At once: if we die now, the next `up` or `down` still knows about it.
  updateServersFile(stateDir, (file) => ({
    ...file,
    processes: { ...file.processes, [entry]: running },
    lastPorts: { ...file.lastPorts, [entry]: ports },
  }));
  return running;
}

async function waitUntilReady<N extends ServerName, Program>(
  server: ServerDefinition<N, Program>,
  program: Program,
  place: Place,
  running: ServerProcess,
  context: StartContext,
): Promise<void> {
  const { signal, report } = context;
  const begun = Date.now();
  for (;;) {
    // Somebody else may answer at a port that our process did not get.
    if ((await server.isReady(place, program, running.ports)) && isAlive(running)) return;
    const waited = (Date.now() - begun) / 1_000;
    report({
      server: server.name,
      state: 'working',
      what: `starting ${server.title === undefined ? '' : `${server.title} `}on port ${running.ports.main}`,
      secondsLeft: Math.max(1, server.startSeconds - waited),
    });
    if (!isAlive(running)) throw died(titleOf(server), running);
    if (signal.aborted) {
      await terminate(running, server.stopSignal, 10_000);
      throw signal.reason;
    }
    if (waited * 1_000 > START_PATIENCE_MS) {
      await terminate(running, server.stopSignal, 10_000);
      throw new SetUpFailed(
        `${titleOf(server)} did not answer on port ${running.ports.main} within ${START_PATIENCE_MS / 1_000} s; see ${running.log}`,
      );
    }
    await sleep(POLL_MS);
  }
}

const titleOf = ({ name, title }: Pick<ServerDefinition, 'name' | 'title'>): string =>
  title === undefined ? TITLES[name] : `Spark's ${title}`;

function died(title: string, running: ServerProcess): SetUpFailed {
  const said = logTail(running.log);
  return new SetUpFailed(`${title} ended while starting; the end of ${running.log}:\n${said}`);
}

/** Keeps the log of the run before this one, and no more. */
function rotate(log: string): void {
  if (existsSync(log)) renameSync(log, `${log}.1`);
}
