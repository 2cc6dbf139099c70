import { UsageError } from '../../domain/errors.js';
import { runDemo } from '../start/demo.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const MAX_RECORDS = 10_000_000;

export function register(program: Command, ctx: CliContext): void {
  program
    .command('start')
    .description(
      'the main job on this machine: servers up, clicks through the whole chain, the figures shown',
    )
    .option('--once', 'end when the figures are shown, instead of serving', false)
    .option('--input <file>', 'an access log, plain or gzip (Apache and nginx, "combined" or "common")')
    .option('--records <n>', 'without --input: how many clicks the generated site has', '10000')
    .addHelpText(
      'after',
      '\nWithout --input it sends the clicks of a fictitious shop that a seeded generator makes up.' +
        '\nWhat it started it stops again; the data stays, and a second start counts nothing twice.',
    )
    .addHelpText(
      'after',
      examples(['npm start', 'npm start -- --once', 'npm start -- --input access.log.gz']),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'the account balances and the figures are equal',
        1: 'verified, and found different',
        2: 'usage or configuration, or the machine lacks something',
        3: 'a server is unreachable',
        4: 'the workflow failed, or the index is behind',
        130: 'interrupted',
      }),
    )
    .action(async (options: { once: boolean; input?: string; records: string }) => {
      const { once, input } = options;
      await runDemo(ctx, {
        once,
        records: recordsOption(options.records),
        ...(input !== undefined && { input }),
      });
    });
}

function recordsOption(text: string): number {
  const records = Number(text);
  if (/^[1-9]\d*$/.test(text) && records <= MAX_RECORDS) return records;
  throw new UsageError(`--records: expected a whole number from 1 to ${MAX_RECORDS}, got '${text}'`);
}
