import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { UsageError } from '../../domain/errors.js';
import { explain } from '../explain/collect.js';
import { parseKey } from '../explain/key.js';
import { explainText } from '../explain/text.js';
import { loadConfig } from '../loadConfig.js';
import { ExitCode, examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 10_000;

interface ExplainArguments {
  readonly limit?: string;
  readonly showUsers?: boolean;
}

function limitOption(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  if (!/^\d{1,5}$/.test(text) || Number(text) > MAX_LIMIT)
    throw new UsageError(`--limit: expected a whole number from 0 to ${MAX_LIMIT}, got '${text}'`);
  return Number(text);
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('explain')
    .description('the clicks behind a figure, and what made it')
    .argument('<url>', 'letter by letter, as `metrics --csv` prints it')
    .argument('<country>', 'as `metrics` prints it; small letters will do for a code; ZZ: unknown')
    .argument('<window>', 'an hour (2026-11-25T14), a day, a month (2026-11), all UTC, or total')
    .option(
      '--limit <n>',
      `clicks that are listed, the first by time; all are counted (default: ${DEFAULT_LIMIT})`,
    )
    .option('--show-users', 'users and sessions as they are stored, instead of u1, u2 and s1, s2')
    .addHelpText(
      'after',
      "\nStraight from PostgreSQL, in one snapshot; nothing is changed. Time is the event's own, or the gap to the next" +
        '\nclick of the session. A click is late whose batch was committed an hour or more after it happened.' +
        '\nA URL that begins with - goes behind --, after the options.\n' +
        examples([
          'clickstream explain /products/1 DE 2026-11-25T14',
          'clickstream explain --limit 100 --json /products/1 ZZ total',
          'clickstream explain -- -odd-url DE 2026-11',
        ]) +
        '\n' +
        exitCodes({
          0: 'found, and the clicks add up to the figure or wait to be computed',
          1: 'no such figure, or clicks and figure differ',
          2: 'usage or configuration',
          3: 'PostgreSQL unreachable',
        }),
    )
    .action(async (url: string, country: string, window: string, options: ExplainArguments) => {
      const key = parseKey(url, country, window);
      const limit = limitOption(options.limit);
      const { config, servers } = await loadConfig({
        ...(ctx.config !== undefined && { config: ctx.config }),
      });
      const postgres = openPostgres(servers, config.name);
      const elasticsearch = openElasticsearch(servers);
      try {
        const report = await explain(config, { postgres, elasticsearch }, key, {
          limit,
          showUsers: options.showUsers === true,
          signal: ctx.signal,
        });
        ctx.result(
          report,
          explainText(report, process.stdout.isTTY ? process.stdout.columns : 200, ctx.config),
        );
        if (report.verdict === 'nothing' || report.verdict === 'different') ctx.exit(ExitCode.Different);
      } finally {
        await Promise.allSettled([elasticsearch.close(), postgres.close()]);
      }
    });
}
