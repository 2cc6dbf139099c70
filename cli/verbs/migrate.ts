import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { ensureTemplate } from '../../clients/elasticsearch/template.js';
import { openKafka } from '../../clients/kafka/index.js';
import { migrate } from '../../clients/postgres/migrate.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { connectTemporal, registerSearchAttributes } from '../../clients/temporal/index.js';
import { UsageError } from '../../domain/errors.js';
import { loadConfig } from '../loadConfig.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

/** What `migrate` did, per server, in words; empty lists mean that everything was up to date. */
export interface Migrated {
  readonly postgres: readonly string[];
  readonly kafka: readonly string[];
  readonly elasticsearch: readonly string[];
  readonly temporal: readonly string[];
  /** What a person must still do. */
  readonly problems: readonly string[];
}

/** Sets up, or brings up to date, what the servers hold of this installation. Running it again does nothing. */
export async function migrateAll({ config, servers }: Settings): Promise<Migrated> {
  const postgres = openPostgres(servers, config.name);
  const tables = await migrate(postgres, servers, config).finally(() => postgres.close());

  const topics: string[] = [];
  if (config.kafka.create !== undefined) {
    const kafka = openKafka(servers, `${config.name}-migrate`);
    try {
      for (const topic of config.kafka.topics)
        if ((await kafka.createTopic(topic, config.kafka.create.partitions)) === 'created')
          topics.push(`topic ${topic} made, ${config.kafka.create.partitions} partitions`);
    } finally {
      await kafka.close();
    }
  }

  const elasticsearch = openElasticsearch(servers);
  await ensureTemplate(elasticsearch, config.name).finally(() => elasticsearch.close());

  const problems: string[] = [];
  if (config.temporal.searchAttributes) {
    const temporal = await connectTemporal(servers);
    try {
      const { problem } = await registerSearchAttributes(temporal);
      if (problem !== undefined) problems.push(problem);
    } finally {
      await temporal.close();
    }
  }
  return {
    postgres: tables.done,
    kafka: topics,
    elasticsearch: [`template of ${config.name} set`],
    temporal:
      config.temporal.searchAttributes && problems.length === 0 ? ['search attributes registered'] : [],
    problems,
  };
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('migrate')
    .description(
      'set up or bring up to date: database, tables, index template, search attributes and, with kafka.create, topics',
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
      const migrated = await migrateAll(settings);
      for (const problem of migrated.problems) ctx.progress(problem);
      const lines = (['postgres', 'kafka', 'elasticsearch', 'temporal'] as const).flatMap((server) =>
        migrated[server].map((what) => `${server}: ${what}`),
      );
      ctx.result(migrated, lines.join('\n'));
    });
}
