/** Server processes: they outlive the command that starts them, and are never confused with others. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, ServerProcess } from './model.js';
import { isSameProcess, startTime } from './processId.mjs';
import { NOBODY, isRoot } from './user.js';

export const isAlive = (known: Pick<ServerProcess, 'pid' | 'started'>): boolean =>
  isSameProcess(known.pid, known.started);

/**
 * Starts a server in a session of its own, its output in the log file.
 * @throws the operating system's error when the program cannot be run.
 */
export async function launch(
  command: Command,
  log: string,
): Promise<{ readonly pid: number; readonly started: string }> {
  const out = openSync(log, 'a', 0o600);
  try {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env,
      detached: true,
      stdio: ['ignore', out, out],
      ...(command.unprivileged && isRoot() ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const pid = child.pid ?? 0;
    // A process that is gone already gets a start time that no process has.
    return { pid, started: startTime(pid) ?? 'gone' };
  } finally {
    closeSync(out);
  }
}

/** Asks the process to stop, then ends it and its children when it has not within `patienceMs`. */
export async function terminate(
  known: Pick<ServerProcess, 'pid' | 'started'>,
  signal: 'SIGTERM' | 'SIGINT',
  patienceMs: number,
): Promise<void> {
  if (!isAlive(known)) return;
  send(known.pid, signal);
  const end = Date.now() + patienceMs;
  while (isAlive(known) && Date.now() < end) await sleep(50);
  if (!isAlive(known)) return;
  // The group: Elasticsearch's launcher and its server, PostgreSQL and its backends.
  send(-known.pid, 'SIGKILL');
  while (isAlive(known)) await sleep(50);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The last lines of a log, for the message about a server that did not start. */
export function logTail(log: string, lines = 12): string {
  const text = readFileSync(log, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => !/^\s+at /.test(line))
    .slice(-lines)
    .map((line) => `  ${line.slice(0, 300)}`)
    .join('\n');
}
