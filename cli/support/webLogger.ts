import type { Logger } from '../../domain/logger.js';
import type { CliContext } from './verb.js';

/** What the page's server says reaches the terminal line by line; of an error its stack. */
export function webLogger(ctx: Pick<CliContext, 'progress'>): Logger {
  const say = (_: object, message: string): void => ctx.progress(message);
  return {
    debug: () => undefined,
    info: say,
    warn: say,
    error: (fields, message) => {
      const err = 'err' in fields ? fields.err : undefined;
      ctx.progress(`${message}: ${err instanceof Error ? (err.stack ?? err.message) : String(err)}`);
    },
  };
}
