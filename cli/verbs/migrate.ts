import { loadConfig } from '../loadConfig.js';
import { withTemporal } from '../support/runs.js';
import {
  setUpIndices,
  setUpSearchAttributes,
  setUpSparkRole,
  setUpTables,
  setUpTopics,
} from '../support/setUp.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('migrate')
    .description(
      'set up or bring up to date: database, tables, indices, search attributes and, with kafka.create, topics',
    )
    .option(
      '--spark-role <name>',
      'grant an existing role of PostgreSQL what Spark needs: SELECT on the tables that it reads',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream migrate',
        'clickstream migrate --config examples/demo.yaml',
        'clickstream migrate --spark-role spark',
      ]),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'done',
        2: 'usage, configuration, tables that do not fit it, or a role that does not exist',
        3: 'a server is unreachable, or does not let us',
      }),
    )
    .action(async (options: { readonly sparkRole?: string }) => {
      const settings = await loadConfig({ config: ctx.config });
      const migrated = {
        postgres: [
          ...(await setUpTables(settings)),
          ...(options.sparkRole === undefined ? [] : await setUpSparkRole(settings, options.sparkRole)),
        ],
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
