import { statusText } from '../format/status.js';
import { loadConfig } from '../loadConfig.js';
import { collectStatus } from '../status/collect.js';
import type { StatusReport } from '../status/report.js';
import { withConfig } from '../support/commands.js';
import { ExitCode, examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('status')
    .description('offsets and lag, the account of all records, what waits, whether the index is in step')
    .addHelpText(
      'after',
      '\nLooks, and changes nothing. Before the first run it says what is missing and ends with 0.\n' +
        examples(['clickstream status', 'clickstream status --json | jq .lag']) +
        '\n' +
        exitCodes({
          0: 'done',
          2: 'configuration',
          3: 'a server unreachable; the rest is reported all the same',
        }),
    )
    .action(async () => {
      const { config, servers } = await loadConfig({
        ...(ctx.config !== undefined && { config: ctx.config }),
      });
      const report = ofConfig(await collectStatus(config, servers, ctx.signal), ctx.config);
      ctx.result(report, withConfig(statusText(report), ctx.config));
      if (report.unknown.length > 0) ctx.exit(ExitCode.Server);
    });
}

/** Its commands name the configuration in --json, too: alarms quote them, and people paste them from there. */
function ofConfig(report: StatusReport, config: string | undefined): StatusReport {
  const named = (texts: readonly string[]): string[] => texts.map((text) => withConfig(text, config));
  return {
    ...report,
    gaps: named(report.gaps),
    retrying: named(report.retrying),
    indices: report.indices.map((index) => {
      return { ...index, problem: index.problem === null ? null : withConfig(index.problem, config) };
    }),
    missing: named(report.missing),
    unknown: named(report.unknown),
  };
}
