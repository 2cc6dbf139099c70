import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root, from dist/test/support. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `clickstream …args` as a user does, from the project's root. */
export function cli(
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly input?: string;
    readonly cwd?: string;
    /** What is put in front of the command, such as `nsenter`; it must become the command (`exec`). */
    readonly inside?: readonly string[];
    /** Gets all of stderr so far, whenever there is more. */
    readonly onStderr?: (stderr: string) => void;
  } = {},
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const [program = process.execPath, ...rest] = [
      ...(options.inside ?? []),
      process.execPath,
      ...[path.join(ROOT, 'cli/clickstream.mjs'), ...args],
    ];
    const child = spawn(program, rest, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      options.onStderr?.(stderr);
    });
    child.on('error', reject);
    // A command that ends before it has read its input says why by its exit code.
    child.stdin.on('error', () => undefined);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

/** Runs a verb that must succeed and parses its `--json`. */
export async function cliJson<T>(args: readonly string[], env: Record<string, string> = {}): Promise<T> {
  const result = await cli([...args, '--json'], { env });
  if (result.code !== 0) {
    throw new Error(
      `clickstream ${args.join(' ')} exited ${result.code}\n${result.stderr}\n${result.stdout}`,
    );
  }
  return JSON.parse(result.stdout) as T;
}
