import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { openKafka } from '../../clients/kafka/index.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { printable } from '../format/table.js';
import { cut } from '../format/width.js';
import { loadConfig } from '../loadConfig.js';
import { ExitCode, examples, exitCodes, type CliContext, type Command } from '../support/verb.js';
import { verify, type VerifyReport } from '../verify/collect.js';

/** URLs may have 100 KB and control characters; --json has them whole. */
const MAX_WIDTH = 300;

export function verifyText(report: VerifyReport): string {
  const lines = report.checks.flatMap((check) => [
    `${check.ok ? '✔' : '✘'} ${check.name}: ${check.detail}`,
    ...(check.differences ?? []).map((difference) => `    ${cut(printable(difference), MAX_WIDTH)}`),
  ]);
  const { marks, hours, index, lag } = report.waiting;
  const waiting = [
    ...(marks > 0 ? [`${marks} marks of ${hours} hours`] : []),
    ...(index > 0 ? [`${index} figures not yet sent to the index`] : []),
    ...(lag > 0 ? [`${lag} records beyond the committed offsets`] : []),
  ];
  if (waiting.length > 0) lines.push(`waiting: ${waiting.join(', ')}`);
  const { floor, hours: frozenHours, clicks } = report.frozen;
  if (floor !== null)
    lines.push(`frozen: ${frozenHours} hours before ${floor.slice(0, 10)} with ${clicks} clicks`);
  lines.push(report.ok ? `equal (${report.ms} ms)` : `different (${report.ms} ms)`);
  return lines.join('\n');
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('verify')
    .description('recompute everything in plain SQL and compare: log, ledger, tables, figures, index')
    .option('--drained', 'everything should be done: what waits is a difference')
    .addHelpText(
      'after',
      '\nOne snapshot of PostgreSQL, nothing is changed. What is not done yet is reported as waiting.\n' +
        examples(['clickstream verify', 'clickstream verify --drained --json']) +
        '\n' +
        exitCodes({ 0: 'equal', 1: 'different', 2: 'configuration', 3: 'a server unreachable' }),
    )
    .action(async (options: { drained?: boolean }) => {
      const { config, servers } = await loadConfig({
        ...(ctx.config !== undefined && { config: ctx.config }),
      });
      const postgres = openPostgres(servers, config.name);
      const elasticsearch = openElasticsearch(servers);
      const kafka = openKafka(servers, `${config.name}-verify`);
      try {
        const report = await verify(
          config,
          { postgres, elasticsearch, kafka },
          { drained: options.drained === true, signal: ctx.signal, progress: (text) => ctx.status(text) },
        );
        ctx.result(report, verifyText(report));
        if (!report.ok) ctx.exit(ExitCode.Different);
      } finally {
        await Promise.allSettled([kafka.close(), elasticsearch.close(), postgres.close()]);
      }
    });
}
