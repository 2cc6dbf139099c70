/** Contestants are processes of their own: started first, told to go when the clock runs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.js';

export interface Contestant {
  readonly pid: number;
  /** Runs it to its end. @returns its last line */
  go(): Promise<string>;
  /** Runs its work once and leaves it ready for more. @returns what it said of it */
  again(): Promise<string>;
  /** Lets it end. */
  close(): Promise<void>;
}

/**
 * Starts a module beside this one, compiled, with one JSON argument, and waits until it says `ready`.
 * @throws when it ends before, or goes wrong afterwards
 */
export async function startContestant(
  { env, signal }: Pick<Bench, 'env' | 'signal'>,
  module: string,
  argument: object,
): Promise<Contestant> {
  const file = fileURLToPath(new URL(module, import.meta.url));
  const child = spawn(process.execPath, [file, JSON.stringify(argument)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    signal,
  });
  const said = listen(child);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  await Promise.race([
    said.line('ready'),
    exited.then((code) => {
      throw new Error(`${module} ended with ${code} before it was ready`);
    }),
  ]);
  return {
    pid: child.pid ?? 0,
    go: async () => {
      child.stdin?.end('go\n');
      const code = await exited;
      if (code !== 0) throw new Error(`${module} ended with ${code}`);
      return said.last();
    },
    close: async () => {
      child.stdin?.end();
      await exited;
    },
    again: async () => {
      const next = said.next();
      child.stdin?.write('go\n');
      const answer = await Promise.race([next, exited]);
      if (typeof answer !== 'string') throw new Error(`${module} ended with ${answer} in the middle`);
      return answer;
    },
  };
}

/** What a contestant does: gets ready, works each time that it is told to, and prints a line about it. */
export async function contest(ready: () => Promise<void>, work: () => Promise<string>): Promise<void> {
  await ready();
  process.stdout.write('ready\n');
  const told = createInterface(process.stdin)[Symbol.asyncIterator]();
  while ((await told.next()).done !== true) process.stdout.write(`${await work()}\n`);
}

export function listen(child: ChildProcess): {
  line(wanted: string): Promise<void>;
  /** The first whole line that comes after this call. */
  next(): Promise<string>;
  last(): string;
} {
  let text = '';
  const waiting: (() => void)[] = [];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (const look of waiting) look();
  });
  return {
    line: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (text.split('\n').includes(wanted)) resolve();
        };
        waiting.push(look);
        look();
      }),
    next: () => {
      const from = text.length;
      return new Promise((resolve) => {
        const look = (): void => {
          const end = text.indexOf('\n', from);
          if (end >= 0) resolve(text.slice(from, end));
        };
        waiting.push(look);
      });
    },
    last: () => text.trimEnd().split('\n').at(-1) ?? '',
  };
}
