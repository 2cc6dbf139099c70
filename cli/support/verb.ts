/**
 * What every verb is given, and the convention by which it joins the command:
 *
 *     export function register(program: Command, ctx: CliContext): void {
 *       program
 *         .command('migrate')
 *         .description('set up or bring up to date what the servers hold')
 *         .addHelpText('after', examples(['clickstream migrate', 'clickstream migrate --spark-role spark']))
 *         .action(async (options: { sparkRole?: string }) => { … });
 *     }
 *
 * `--json` and `--config` belong to the program, stand before or after the verb, and are read here;
 * a verb does not declare them. A verb throws what went wrong (`ClickstreamError` where it is understood):
 * `cli/main.ts` prints one line and chooses the exit code. It never calls `process.exit`.
 */
import type { Command } from 'commander';

export type { Command };

/** What a script may tell apart. */
export const ExitCode = {
  Done: 0,
  /** Checked, and found different. */
  Different: 1,
  /** Usage or configuration. */
  Usage: 2,
  /** A server is unreachable, or refused us. */
  Server: 3,
  /** The workflow failed, or the run left the index behind. */
  Workflow: 4,
  Interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

export interface CliContext {
  /** `--json`: one object on stdout (or NDJSON, where the verb's help says so). */
  readonly json: boolean;
  /** `--config FILE`; absent: the project's clickstream.yaml. Hand it to `loadConfig({ config })`. */
  readonly config: string | undefined;
  /** Whether stderr is a terminal: only then may a line be drawn over. */
  readonly live: boolean;
  /** Aborted by the first SIGINT or SIGTERM: stop, tidy up, return. A second one ends the process. */
  readonly signal: AbortSignal;
  /** One line (or several) of the result, on stdout; a line end is added. */
  out(text: string): void;
  /** The result: `object` with `--json` (one line, bigint as decimal string), else the text. */
  result(object: unknown, text: string): void;
  /** A line of progress, on stderr; nothing a script should read. */
  progress(text: string): void;
  /** Progress drawn over the last such line on a terminal, on lines of its own elsewhere; unchanged text is not repeated. */
  status(text: string): void;
  /** How the process ends when the action returns; `Done` unless told. */
  exit(code: ExitCode): void;
}

export type RegisterVerb = (program: Command, ctx: CliContext) => void;

/** The examples at the end of a verb's help. */
export const examples = (lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;

/** The exit codes at the end of a verb's help, only those that the verb can end with. */
export const exitCodes = (codes: Readonly<Record<number, string>>): string =>
  `\nExit codes:\n${Object.entries(codes)
    .map(([code, meaning]) => `  ${code.padEnd(4)}${meaning}`)
    .join('\n')}`;
