import { loadConfig, type Settings } from '../loadConfig.js';
import { interruptible, withTemporal } from '../support/runs.js';
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
        130: 'interrupted; what is done stays, and migrate goes on from there',
      }),
    )
    .action(async (options: { readonly sparkRole?: string }) => {
      const settings = await loadConfig({ config: ctx.config });
      const migrated = await interruptible(ctx.signal, migrateAll(settings, options.sparkRole));
      const lines = Object.entries(migrated).flatMap(([server, done]) =>
        done.map((what) => `${server}: ${what}`),
      );
      ctx.result(migrated, lines.join('\n'));
    });
}

async function migrateAll(settings: Settings, sparkRole: string | undefined) {
  return {
    postgres: [
      ...(await setUpTables(settings)),
      ...(sparkRole === undefined ? [] : await setUpSparkRole(settings, sparkRole)),
    ],
    kafka: await setUpTopics(settings),
    elasticsearch: await setUpIndices(settings),
    temporal: await withTemporal(settings, (temporal) => setUpSearchAttributes(settings, temporal)),
  };
}
