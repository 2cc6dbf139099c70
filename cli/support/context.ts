import { setMaxListeners } from 'node:events';
import type { Command } from 'commander';
import { withConfig } from './commands.js';
import type { CliContext, ExitCode } from './verb.js';
import { ExitCode as Codes } from './verb.js';

export interface Process {
  readonly ctx: CliContext;
  /** The code that the action chose. */
  readonly code: () => ExitCode;
}

/** The context over the real stdout, stderr and signals. */
export function createContext(program: Command): Process {
  const { stdout, stderr } = process;
  let code: ExitCode = Codes.Done;
  let drawn = '';
  const live = stderr.isTTY;

  for (const stream of [stdout, stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that has seen enough (`| head`) ends the process quietly.
      if (error.code === 'EPIPE') process.exit(code);
      // Progress that cannot be told is no reason to end; half of a result, as on a full disk, is one.
      if (stream === stderr) return;
      stderr.write(`clickstream: the output is incomplete, it could not be written: ${error.message}\n`);
      process.exit(Codes.Usage);
    });

  const controller = new AbortController();
  // Every request that is under way listens, and clients of servers leave their listeners until they close.
  setMaxListeners(0, controller.signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(Codes.Interrupted);
      controller.abort(new Interrupted());
    });

  const clear = (): void => {
    // Where nothing is drawn over, a line that was said stays said.
    if (!live) return;
    if (drawn !== '') stderr.write('\r\u001b[K');
    drawn = '';
  };
  const options = (): { json?: boolean; config?: string } => program.opts();
  const ctx: CliContext = {
    get json() {
      return options().json === true;
    },
    get config() {
      return options().config;
    },
    live,
    signal: controller.signal,
    out(text) {
      clear();
      stdout.write(`${text}\n`);
    },
    result(object, text) {
      ctx.out(ctx.json ? toJson(object) : text);
    },
    progress(text) {
      clear();
      stderr.write(`${withConfig(text, ctx.config)}\n`);
    },
    status(words) {
      const text = withConfig(words, ctx.config);
      if (text === drawn) return;
      if (!live) stderr.write(`${text}\n`);
      else stderr.write(`\r\u001b[K${text.slice(0, Math.max(20, (stderr.columns || 80) - 1))}`);
      drawn = text;
    },
    exit(chosen) {
      code = chosen;
    },
  };
  return { ctx, code: () => code };
}

/** The reason of `ctx.signal`: the person pressed Ctrl-C, or somebody sent SIGTERM. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

const toJson = (object: unknown): string =>
  JSON.stringify(object, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
