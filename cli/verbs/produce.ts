import { accessLogRecords, type LineCounts } from '../../clients/files/accessLog.js';
import { readLines, shownFile } from '../../clients/files/lines.js';
import { ndjsonRecords } from '../../clients/files/ndjson.js';
import { openKafka, type ProduceRecord } from '../../clients/kafka/index.js';
import { NoPlace } from '../../domain/config/noPlace.js';
import { parsePath } from '../../domain/config/paths.js';
import { ConfigurationError, UsageError } from '../../domain/errors.js';
import { generateClicks } from '../../domain/generator/clicks.js';
import { counted } from '../format/numbers.js';
import { loadConfig } from '../loadConfig.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

export interface ProduceOptions {
  readonly format: string;
  readonly key?: string;
  readonly topic?: string;
  readonly generate?: string;
  readonly seed?: string;
}

const FORMATS = ['ndjson', 'access-log'] as const;

export function register(program: Command, ctx: CliContext): void {
  program
    .command('produce')
    .description('send the lines of files (plain or gzip; - for stdin) to Kafka, one record a line')
    .argument('[file...]', 'files to send, in this order')
    .option('--format <format>', 'ndjson: lines as they are; access-log: lines as click events', 'ndjson')
    .option('--key <path>', 'where in an NDJSON line the record’s key stands, such as user.id')
    .option('--topic <topic>', 'one of the configured topics (default: the first)')
    .option('--generate <records>', 'no files: clicks of a fictitious shop, for examples/demo.yaml')
    .option('--seed <number>', 'of --generate; the same seed sends the same records (default: 1)')
    .addHelpText(
      'after',
      '\nAn access log’s lines are keyed by client address; a line’s id is the running SHA-256 of the file up to' +
        '\nit, so a file sent again, or grown, counts its old lines as duplicates.',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream produce --format access-log /var/log/nginx/access.log.1.gz',
        'tail -n 1000 clicks.ndjson | clickstream produce - --key user.id',
        'clickstream --config examples/demo.yaml produce --generate 100000',
      ]),
    )
    .addHelpText(
      'after',
      exitCodes({
        0: 'sent',
        2: 'usage or configuration, or a line larger than the topic takes',
        3: 'Kafka',
        130: 'interrupted',
      }),
    )
    .action(async (files: readonly string[], options: ProduceOptions) => {
      const counts: LineCounts = { lines: 0, unparsable: 0 };
      const records = recordsOf(files, options, counts, ctx.signal);
      const { config, servers } = await loadConfig({ config: ctx.config });
      const topic = options.topic ?? config.kafka.topics[0] ?? '';
      if (!config.kafka.topics.includes(topic)) {
        throw new ConfigurationError(
          `--topic: expected one of ${config.kafka.topics.join(', ')}, got "${topic}"`,
        );
      }
      const kafka = openKafka(servers, `${config.name}-produce`);
      try {
        const sent = await kafka.produce(topic, records, {
          signal: ctx.signal,
          onProgress: ({ records }) => ctx.status(`${counted(records, 'record')} sent to ${topic}`),
        });
        const unparsable = options.format === 'access-log' ? counts.unparsable : undefined;
        ctx.result(
          { topic, ...sent, ...(unparsable !== undefined && { unparsable }) },
          `${counted(sent.records, 'record')} (${counted(sent.bytes, 'byte')}) sent to ${topic}` +
            (unparsable
              ? `; ${unparsable} of them are lines that no access log has and end as dead letters`
              : ''),
        );
      } finally {
        await kafka.close();
      }
    });
}

/** The records that the options ask for. @throws UsageError naming the option. */
export function recordsOf(
  files: readonly string[],
  options: ProduceOptions,
  counts: LineCounts,
  signal?: AbortSignal,
): AsyncIterable<ProduceRecord> | Iterable<ProduceRecord> {
  const format = FORMATS.find((known) => known === options.format);
  if (format === undefined) {
    throw new UsageError(`--format: expected one of ${FORMATS.join(', ')}, got "${options.format}"`);
  }
  const seed = wholeNumber('--seed', options.seed, 0);
  const generate = wholeNumber('--generate', options.generate, 1);
  if (generate !== undefined) {
    if (files.length > 0) throw new UsageError('--generate: expected no files beside it');
    return generateClicks({ records: generate, ...(seed !== undefined && { seed }) });
  }
  if (seed !== undefined) throw new UsageError('--seed: expected --generate beside it');
  if (files.length === 0) throw new UsageError('produce: expected a file, - for stdin, or --generate');
  if (format === 'access-log' && options.key !== undefined) {
    throw new UsageError(
      '--key: expected with --format ndjson only; an access log is keyed by client address',
    );
  }
  return fileRecords(files, format, keyPath(options.key), counts, signal);
}

/** As the configuration's paths are written, without the choice of an array's element. */
function keyPath(written: string | undefined): readonly string[] | undefined {
  if (written === undefined) return undefined;
  const path = parsePath(written);
  const names = path instanceof NoPlace ? [] : path.filter((step) => typeof step === 'string');
  if (path instanceof NoPlace || names.length < path.length)
    throw new UsageError(`--key: expected a path such as user.id, got ${JSON.stringify(written)}`);
  return names;
}

async function* fileRecords(
  files: readonly string[],
  format: (typeof FORMATS)[number],
  key: readonly string[] | undefined,
  counts: LineCounts,
  signal: AbortSignal | undefined,
): AsyncGenerator<ProduceRecord> {
  for (const file of files) {
    const lines = readLines(file, signal && { signal });
    const shown = shownFile(file);
    yield* format === 'access-log'
      ? accessLogRecords(lines, counts, shown)
      : ndjsonRecords(lines, key, shown);
  }
}

function wholeNumber(option: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text) || Number(text) < min) {
    throw new UsageError(`${option}: expected a whole number from ${min} to 9999999999, got "${text}"`);
  }
  return Number(text);
}
