/** Stopping one server, with all processes that it has. */
import type { ProcessName, ServerDefinition, ServerName, StateFile } from './model.js';
import { isAlive, terminate } from './processes.js';
import { readServersFile, updateServersFile } from './serversFile.js';
import { SPARK_PARTS } from './sparkCluster.js';

/** Kafka hands over its log, PostgreSQL writes a checkpoint; beyond this they are ended. */
const STOP_PATIENCE_MS = 20_000;

/** In the order in which they stop: a driver gives its executors back before the workers go that have them. */
const processesOf = (name: ServerName): readonly (readonly ProcessName[])[] =>
  name === 'spark' ? [['spark'], SPARK_PARTS] : [[name]];

export const isKnown = ({ processes }: StateFile, name: ServerName): boolean =>
  processesOf(name)
    .flat()
    .some((process) => processes[process]);

/**
 * The data stays, and so do the ports for the next time.
 * @returns Whether any of it was running.
 */
export async function stopServer(
  stateDir: string,
  { name, stopSignal }: Pick<ServerDefinition, 'name' | 'stopSignal'>,
  onStopping: () => void,
): Promise<boolean> {
  let ran = false;
  for (const together of processesOf(name)) {
    const { processes } = readServersFile(stateDir);
    const known = together.flatMap((process) => processes[process] ?? []);
    const alive = known.filter(isAlive);
    if (alive.length > 0) onStopping();
    ran ||= alive.length > 0;
    await Promise.all(alive.map((process) => terminate(process, stopSignal, STOP_PATIENCE_MS)));
  }
  updateServersFile(stateDir, (file) => withoutServer(file, name));
  return ran;
}

/** Forgets the address, so that no command waits for a server that is known to be down; keeps its ports. */
function withoutServer(file: StateFile, name: ServerName): StateFile {
  const gone: readonly string[] = processesOf(name).flat();
  return { ...without(file, [name]), processes: without(file.processes, gone), lastPorts: file.lastPorts };
}

function without<T extends object>(record: T, keys: readonly string[]): T {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !keys.includes(name))) as T;
}
