import { UsageError } from '../../domain/errors.js';
import { loadConfig } from '../loadConfig.js';
import { withTemporal } from '../support/runs.js';
import { setUpIndices, setUpSearchAttributes, setUpTables, setUpTopics } from '../support/setUp.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('migrate')
    .description(
      'set up, or bring up to date, what the servers hold: tables, topics, index, search attributes',
    )
    .option('--spark-role <name>', 'grants that role SELECT; comes in a later version')
    .addHelpText(
      'after',
      '\nIt only adds: a column of the configuration that the tables lack is added, a changed type is refused with' +
        '\nthe steps to do it. Topics are made only with kafka.create. Running it again changes nothing.',
    )
    .addHelpText('after', examples(['clickstream migrate', 'clickstream --config my.yaml migrate --json']))
    .addHelpText(
      'after',
      exitCodes({ 0: 'up to date', 2: 'usage or configuration', 3: 'a server is unreachable or refused us' }),
    )
    .action(async (options: { sparkRole?: string }) => {
      if (options.sparkRole !== undefined)
        throw new UsageError(
          '--spark-role (SELECT for the role that Spark reads with) comes in a later version',
        );
      const settings = await loadConfig({ config: ctx.config });
      const tables = await setUpTables(settings);
      const topics = await setUpTopics(settings);
      const attributes = await withTemporal(settings, (temporal) =>
        setUpSearchAttributes(settings, temporal),
      );
      const indices = await setUpIndices(settings);
      const done = [...tables, ...topics, ...attributes, ...indices];
      ctx.result({ name: settings.config.name, done }, done.join('\n'));
    });
}
