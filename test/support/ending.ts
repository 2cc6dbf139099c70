/** What a test started must not outlive its process, whether that ends by itself, by Ctrl-C or by the runner's SIGTERM. */
import { readServersFile } from '../../infra/servers.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const endings = new Set<() => void>();

/**
 * Has `kill` called, once, should this process end before it is taken back. It must not wait for anything.
 * @returns takes it back
 */
export function whenEnded(kill: () => void): () => void {
  if (endings.size === 0) listen();
  endings.add(kill);
  return () => {
    endings.delete(kill);
    if (endings.size === 0) stopListening();
  };
}

/** The same for all servers that `up` has started in a state folder, with whatever they have started themselves. */
export const killServersOf = (stateDir: string): (() => void) =>
  whenEnded(() => {
    for (const { pid } of Object.values(readServersFile(stateDir).processes)) killGroup(pid);
  });

/** SIGKILL to the process and the group that it leads. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

function endAll(): void {
  for (const kill of endings) kill();
  endings.clear();
}

/** A listener keeps a signal from ending the process: it is sent again when nobody listens any more. */
function onSignal(signal: NodeJS.Signals): void {
  endAll();
  stopListening();
  process.kill(process.pid, signal);
}

function listen(): void {
  process.on('exit', endAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function stopListening(): void {
  process.removeListener('exit', endAll);
  for (const signal of SIGNALS) process.removeListener(signal, onSignal);
}
