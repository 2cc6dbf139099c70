import { openDecoder } from '../../clients/enrich/decoder.js';
import { openKafka } from '../../clients/kafka/index.js';
import { asPositions, isIncarnation, topicMadeAgain } from '../../clients/postgres/offsets.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import { hasServer } from '../../domain/config/servers.js';
import { ServerUnavailable, UsageError } from '../../domain/errors.js';
import type { KafkaRecord } from '../../domain/event/decoder.js';
import { Foresight, type Stored } from '../foresee/foresight.js';
import { askPostgres, nothingKnown, type Knowledge } from '../foresee/knowledge.js';
import { fileRecords } from '../foresee/lines.js';
import { countsOf, foreseen } from '../foresee/present.js';
import { foreseenText } from '../foresee/presentText.js';
import { parseFrom, readSample } from '../foresee/sample.js';
import { loadConfig, type Settings } from '../loadConfig.js';
import { equation } from '../support/runs.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

interface TryOptions {
  readonly records?: string;
  readonly topic?: string;
  readonly from?: string;
  readonly file?: string;
  readonly format?: string;
}

const DEFAULT_RECORDS = 20;
/** All of a sample is held in memory. */
const MAX_RECORDS = 100_000;
const FORMATS = ['ndjson', 'access-log'] as const;

export function register(program: Command, ctx: CliContext): void {
  program
    .command('try')
    .description('what would become of the topic’s next records, or of a file’s lines; writes nothing')
    .option('--records <n>', `how many, at most ${MAX_RECORDS} (default: ${DEFAULT_RECORDS}; of a file: all)`)
    .option('--topic <topic>', 'one of the configured topics (default: the first)')
    .option(
      '--from <where>',
      'committed: where ingestion stands; earliest; latest: the newest; or 0:1200,3:77',
    )
    .option(
      '--file <file>',
      'lines of a file (plain or gzip; - for stdin) instead of a topic; needs no Kafka',
    )
    .option('--format <format>', 'of the file: ndjson or access-log (default: ndjson)')
    .addHelpText(
      'after',
      '\nEach record is decoded by the configuration at hand, enriched, and compared by event id with the others and' +
        '\nwith PostgreSQL. Nothing is written, committed or opened. Works before `migrate`: nothing is compared then,' +
        '\nand $visitor is made with a key for this one run. With --file PostgreSQL may be missing, too. Lines of a' +
        '\nfile count as sent now. What PostgreSQL alone would refuse is not foreseen.',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream try --records 100',
        'clickstream try --from earliest --json',
        'clickstream --config shop.yaml try --file events.ndjson',
        'head -n 50 access.log | clickstream try --file - --format access-log',
      ]),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'shown',
        1: 'the log does not hold what comes next: said with the command to go on',
        2: 'usage or configuration',
        3: 'a server is unreachable',
        130: 'interrupted',
      }),
    )
    .action(async (options: TryOptions) => {
      const records = recordsOption(options.records);
      const settings = await loadConfig({ config: ctx.config });
      const { topics } = settings.config.kafka;
      const topic = options.topic ?? topics[0] ?? '';
      if (!topics.includes(topic))
        throw new UsageError(`--topic: expected one of ${topics.join(', ')}, got ${JSON.stringify(topic)}`);
      if (options.file !== undefined) return tryFile(ctx, settings, topic, options.file, options, records);
      if (options.format !== undefined) throw new UsageError('--format: expected --file beside it');
      return tryTopic(ctx, settings, topic, options.from ?? 'committed', records ?? DEFAULT_RECORDS);
    });
}

function recordsOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const n = Number(text);
  if (!/^\d{1,6}$/.test(text) || n < 1 || n > MAX_RECORDS)
    throw new UsageError(
      `--records: expected a whole number from 1 to ${MAX_RECORDS}, got ${JSON.stringify(text)}`,
    );
  return n;
}

async function tryTopic(
  ctx: CliContext,
  settings: Settings,
  topic: string,
  where: string,
  wanted: number,
): Promise<void> {
  const from = parseFrom(where);
  const { config, servers } = settings;
  const postgres = openPostgres(servers, config.name, { max: 1 });
  const kafka = openKafka(servers, `${config.name}-try`);
  try {
    const knowledge = await askPostgres(postgres, servers, topic);
    const { incarnation, partitions } = await kafka.describe(topic, ctx.signal);
    const { source } = knowledge;
    const same = source !== undefined && isIncarnation(source.incarnation, incarnation);
    if (source !== undefined && !same && from === 'committed')
      throw topicMadeAgain(topic, source.incarnation, incarnation, asPositions(knowledge.committed));
    const committed = same ? knowledge.committed : new Map<number, bigint>();
    const { signal } = ctx;
    const records = await readSample(
      { kafka, config },
      { topic, partitions, from, records: wanted, committed, signal, tell: (words) => ctx.progress(words) },
    );
    if (records.length < wanted)
      ctx.progress(`topic ${topic} holds no more: ${records.length} of ${wanted} records`);
    const sourceId = same ? source.sourceId : knowledge.nextSourceId;
    await show(ctx, settings, knowledge, { topic, sourceId }, knowledge.stored?.(sourceId), records);
  } finally {
    await Promise.allSettled([kafka.close(), postgres.close()]);
  }
}

/** No source of PostgreSQL's has this number: an id that is made for a line without one meets no other. */
const NO_SOURCE = -1;

async function tryFile(
  ctx: CliContext,
  settings: Settings,
  topic: string,
  file: string,
  options: TryOptions,
  wanted = MAX_RECORDS,
): Promise<void> {
  const format = FORMATS.find((known) => known === (options.format ?? 'ndjson'));
  if (format === undefined)
    throw new UsageError(
      `--format: expected one of ${FORMATS.join(', ')}, got ${JSON.stringify(options.format)}`,
    );
  if (options.from !== undefined) throw new UsageError('--from: expected no --file beside it');
  const records: KafkaRecord[] = [];
  for await (const record of fileRecords(file, format, ctx.signal)) {
    if (records.length === wanted) {
      ctx.progress(`only the first ${wanted.toLocaleString('en-US')} records of ${file}`);
      break;
    }
    records.push(record);
  }
  const { config, servers } = settings;
  if (!hasServer(servers, 'postgres'))
    return show(
      ctx,
      settings,
      nothingKnown(servers),
      { topic, sourceId: NO_SOURCE, file },
      undefined,
      records,
    );
  const postgres = openPostgres(servers, config.name, { max: 1 });
  try {
    const knowledge = await askPostgres(postgres, servers, topic).catch((e: unknown) => {
      if (!(e instanceof ServerUnavailable)) throw e;
      ctx.progress(e.message);
      return nothingKnown(servers);
    });
    const stored = knowledge.stored?.(knowledge.source?.sourceId ?? NO_SOURCE);
    await show(
      ctx,
      settings,
      knowledge,
      { topic, sourceId: NO_SOURCE, file },
      stored && byIdAlone(stored),
      records,
    );
  } finally {
    await postgres.close();
  }
}

/** A line has no coordinates that a dead letter could share. */
const byIdAlone = (stored: Stored): Stored => ({
  ...stored,
  seenDeadLetters: (wanted) =>
    stored.seenDeadLetters(wanted.map((one) => ({ ...one, partition: NO_SOURCE }))),
});

async function show(
  ctx: CliContext,
  { config }: Settings,
  knowledge: Knowledge,
  of: { readonly topic: string; readonly sourceId: number; readonly file?: string },
  stored: Stored | undefined,
  records: readonly KafkaRecord[],
): Promise<void> {
  if (stored === undefined)
    ctx.progress('nothing is compared with PostgreSQL: duplicates are those of the sample');
  if (knowledge.keyFrom === 'temporary')
    ctx.progress('$visitor is made with a key for this one run: `clickstream migrate` makes one that stays');
  const decoder = await openDecoder(config, knowledge.visitorKey);
  const fates = await new Foresight(decoder, stored).judge(records, of);
  const { topic, file } = of;
  const sample = records.flatMap((record, i) => {
    const fate = fates[i];
    return fate === undefined ? [] : [foreseen(config, { record, fate }, file !== undefined)];
  });
  const counts = countsOf(fates);
  const { persisted, duplicates, deadLetters, filtered } = counts;
  ctx.result(
    {
      topic,
      ...(file !== undefined && { file }),
      records: counts.records,
      persisted,
      duplicates,
      dead_letters: deadLetters,
      filtered,
      compared: stored !== undefined,
      visitor_key: knowledge.keyFrom,
      sample,
    },
    [foreseenText(config, sample), equation(counts)].filter((text) => text !== '').join('\n\n'),
  );
}
