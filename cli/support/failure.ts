import { CommanderError } from 'commander';
import { ClickstreamError } from '../../domain/errors.js';
import { hideSecretsIn } from '../../domain/secrets.js';
import { Interrupted } from './context.js';
import { ExitCode } from './verb.js';

/** The workflow that a command waited for ended badly. */
export class WorkflowFailed extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'WorkflowFailed';
  }
}

interface Failure {
  readonly message: string;
  readonly type?: string | null;
  readonly details?: readonly unknown[] | null;
}

/** What the workflow itself failed with; undefined where it was cancelled, terminated or timed out. */
export function failureOf({ cause }: WorkflowFailed): Failure | undefined {
  const failure = cause instanceof Error ? cause.cause : undefined;
  return failure instanceof Error && failure.name === 'ApplicationFailure' ? failure : undefined;
}

const BY_CODE: Readonly<Record<string, ExitCode>> = {
  Configuration: ExitCode.Usage,
  Usage: ExitCode.Usage,
  ServerUnavailable: ExitCode.Server,
  ServerExhausted: ExitCode.Server,
  ServerRefused: ExitCode.Server,
  SchemaMismatch: ExitCode.Usage,
  SetUpFailed: ExitCode.Server,
  CursorExpired: ExitCode.Server,
};

const HINTS: Readonly<Record<string, string>> = {
  Configuration: 'see `npx clickstream config check` and `npx clickstream config print`',
  ServerUnavailable:
    'is it running? `npx clickstream up` starts the servers, `npx clickstream doctor` examines them',
  ServerRefused: '`npx clickstream doctor` examines addresses, credentials and versions',
  SchemaMismatch: '`npx clickstream migrate` brings the tables up to date',
};

/**
 * How an error that reached the top ends the process: one line, perhaps a hint, and the code.
 * @param verb that was called: its errors do not propose it
 */
export function describeFailure(error: unknown, verb?: string): Described {
  const described = describe(error, verb);
  // Words of a library may quote an address.
  const message = described.message === undefined ? undefined : hideSecretsIn(described.message);
  return { ...described, ...(message !== undefined && { message }) };
}

interface Described {
  readonly code: ExitCode;
  readonly message?: string;
  readonly hint?: string;
}

function describe(error: unknown, verb: string | undefined): Described {
  // commander has printed its own words by now.
  if (error instanceof CommanderError) return { code: error.exitCode === 0 ? ExitCode.Done : ExitCode.Usage };
  if (error instanceof Interrupted) return { code: ExitCode.Interrupted };
  if (error instanceof WorkflowFailed) return { code: ExitCode.Workflow, message: error.message };
  if (error instanceof ClickstreamError) {
    const hint = error.code === 'Configuration' && verb === 'config' ? undefined : HINTS[error.code];
    const told = hint === undefined || mentions(error.message, hint);
    return {
      code: BY_CODE[error.code] ?? ExitCode.Different,
      message: error.message,
      ...(told ? {} : { hint }),
    };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: ExitCode.Different,
    message,
    hint: 'CLICKSTREAM_DEBUG=1 shows where this comes from; please report it',
  };
}

/** A message that already names the command of the hint needs no second telling. */
const mentions = (message: string, hint: string): boolean =>
  (hint.match(/`[^`]+`/g) ?? []).some((command) => message.includes(command.slice(1, -1)));
