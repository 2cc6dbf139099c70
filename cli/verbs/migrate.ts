import { UsageError } from '../../domain/errors.js';
import { loadConfig } from '../loadConfig.js';
import { withTemporal } from '../support/runs.js';
import { setUpIndices, setUpSearchAttributes, setUpTables, setUpTopics } from '../support/setUp.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('migrate')
    .description(
      'set up or bring up to date: database, tables, indices, search attributes and, with kafka.create, topics',
    )
    .option(
      '--spark-role <name>',
      'grant a role of PostgreSQL SELECT on the tables (comes in a later version)',
    )
    .addHelpText(
      'after',
      examples(['clickstream migrate', 'clickstream migrate --config examples/demo.yaml']),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'done',
        2: 'usage, configuration, or tables that do not fit it',
        3: 'a server is unreachable',
      }),
    )
    .action(async (options: { readonly sparkRole?: string }) => {
      if (options.sparkRole !== undefined) throw new UsageError('--spark-role comes in a later version');
      const settings = await loadConfig({ config: ctx.config });
      const migrated = {
        postgres: await setUpTables(settings),
        kafka: await setUpTopics(settings),
        elasticsearch: await setUpIndices(settings),
        temporal: await withTemporal(settings, (temporal) => setUpSearchAttributes(settings, temporal)),
      };
      const lines = Object.entries(migrated).flatMap(([server, done]) =>
        done.map((what) => `${server}: ${what}`),
      );
      ctx.result(migrated, lines.join('\n'));
    });
}
