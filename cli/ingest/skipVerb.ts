import { openKafka } from '../../clients/kafka/index.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { UsageError } from '../../domain/errors.js';
import { listed, offsets } from '../../domain/gap.js';
import { loadConfig } from '../loadConfig.js';
import { withConfig } from '../support/commands.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';
import { beginAgain, type MadeAgainReport } from './madeAgain.js';
import { skip, type SkipClients, type SkippedPartition, type SkipRequest } from './skip.js';

interface Options {
  readonly topic: string;
  readonly partition?: string;
  readonly to?: string;
  readonly force?: boolean;
  readonly madeAgain?: boolean;
}

export function registerSkip(ingest: Command, ctx: CliContext): void {
  ingest
    .command('skip')
    .description('go on past what Kafka no longer holds; counted and kept in the ledger')
    .requiredOption('--topic <name>', 'a topic of the configuration')
    .option('--partition <number>', 'one partition; without it, all that have a gap (with --to earliest)')
    .option('--to <offset>', '`earliest`, or the offset to go on from')
    .option('--force', 'skip records too that Kafka still holds')
    .option('--made-again', 'the topic was deleted and made again: begin with the new one')
    .addHelpText(
      'after',
      '\nThe stored next offset moves forward, in one transaction; never back, never beyond the log’s end.' +
        '\nThe same command given again changes nothing. `status` counts what was skipped, `verify` takes it into account.' +
        '\nShards that run go on by themselves; those that ended with OffsetOutOfRange are started again.' +
        '\n--made-again: a topic that took the place of the former one (or a log that lost its end) becomes a new' +
        '\nsource, read from its earliest offsets. What was ingested of the former one stays.',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream ingest skip --topic clicks --partition 3 --to earliest',
        'clickstream ingest skip --topic clicks --to earliest',
        'clickstream ingest skip --topic clicks --partition 3 --to 120000 --force',
        'clickstream ingest skip --topic clicks --made-again',
      ]),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'done, or done before',
        2: 'usage or configuration: nothing was changed',
        3: 'Kafka or PostgreSQL is unreachable',
      }),
    )
    .action((options: Options) => runSkip(ctx, options));
}

async function runSkip(ctx: CliContext, options: Options): Promise<void> {
  const request = parse(options);
  const { config, servers } = await loadConfig({ config: ctx.config });
  const { topics } = config.kafka;
  if (!topics.includes(options.topic))
    throw new UsageError(
      `--topic: expected one of ${topics.join(', ')}, got ${JSON.stringify(options.topic)}`,
    );
  const postgres = openPostgres(servers, config.name, { max: 2 });
  const kafka = openKafka(servers, `${config.name}-skip`);
  const clients: SkipClients = { postgres, kafka };
  try {
    if (request === 'made again') {
      const report = await beginAgain(clients, options.topic);
      ctx.result(report, withConfig(madeAgainText(report), ctx.config));
    } else {
      const partitions = await skip(clients, request);
      const sum = partitions.reduce((n, p) => (p.outcome === 'skipped' ? n + p.offsets : n), 0);
      const text = withConfig(skipText(partitions), ctx.config);
      ctx.result({ topic: options.topic, offsets: sum, partitions }, text);
    }
  } finally {
    await Promise.allSettled([kafka.close(), postgres.close()]);
  }
}

/** @throws UsageError for options that do not go together */
export function parse(options: Options): SkipRequest | 'made again' {
  const { topic, partition, to, force, madeAgain } = options;
  if (madeAgain === true) {
    if (partition !== undefined || to !== undefined || force !== undefined)
      throw new UsageError('--made-again: expected no --partition, --to or --force beside it');
    return 'made again';
  }
  if (to === undefined) throw new UsageError('expected --to earliest, --to OFFSET or --made-again');
  if (to !== 'earliest' && !/^\d{1,18}$/.test(to))
    throw new UsageError(`--to: expected earliest or an offset, got ${JSON.stringify(to)}`);
  if (partition === undefined && to !== 'earliest')
    throw new UsageError('--to OFFSET: expected --partition beside it; only earliest goes for all');
  if (partition !== undefined && !/^\d{1,9}$/.test(partition))
    throw new UsageError(`--partition: expected a whole number, got ${JSON.stringify(partition)}`);
  return {
    topic,
    ...(partition !== undefined && { partition: Number(partition) }),
    to: to === 'earliest' ? to : BigInt(to),
    force: force === true,
  };
}

const GO_ON =
  'Shards that run go on by themselves; what ended with OffsetOutOfRange is started again, be it one shard of a\n' +
  'continuous ingest that runs:\n' +
  '  npx clickstream pipeline        once, up to what Kafka holds now\n' +
  '  npx clickstream ingest start    continuously';

export function skipText(partitions: readonly SkippedPartition[]): string {
  const lines = partitions.map(
    ({ topic, partition, outcome, from, to, offsets: n, readable, log, batchId }) => {
      const where = `${topic}, partition ${partition}`;
      if (outcome === 'nothing to skip')
        return `${where}: nothing to skip, the next offset is ${from} and the log holds ${log.earliest} to ${log.end}`;
      const held = readable > 0 ? `, ${readable} of them still readable` : '';
      return `${where}: ${offsets(n)} ${outcome}${held} (${from} to ${to}); ledger ${batchId ?? ''}`;
    },
  );
  const moved = partitions.some(({ outcome }) => outcome !== 'nothing to skip');
  return [...lines, ...(moved ? [GO_ON] : [])].join('\n');
}

export const madeAgainText = ({ topic, outcome, stored, source, next }: MadeAgainReport): string =>
  [
    outcome === 'begun'
      ? `${topic}: begun as source ${source}, at ${listed(next)}`
      : `${topic}: begun before, as source ${source}; it stands at ${listed(next)}`,
    `The former one was ingested up to ${listed(stored)}; what it held beyond is gone, and nobody can say how much.`,
    GO_ON,
  ].join('\n');
