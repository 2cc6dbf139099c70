/** `clickstream up`: the five servers on this machine, in parallel, from whatever is left of them. */
import { namedByEnvironment } from '../../domain/config/servers.js';
import { UsageError } from '../../domain/errors.js';
import { createProgressView } from '../../infra/progressView.js';
import {
  SERVER_NAMES,
  TITLES,
  startServers,
  type ServerName,
  type SparkKind,
  type StateFile,
} from '../../infra/servers.js';
import { SPARK_KINDS } from '../../infra/startSpark.js';
import { hideSecrets } from '../../domain/secrets.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';
import { parseServerNames } from './servers/names.js';

interface UpOptions {
  readonly only?: string;
  readonly spark?: string;
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('up')
    .description('start the servers on this machine (those that the environment names are used, not started)')
    .option('--only <servers>', `some of them, separated by commas: ${SERVER_NAMES.join(', ')}`)
    .option(
      '--spark <kind>',
      'local, one process; or cluster: a master, two workers and a driver (about 2.5 GB)',
    )
    .addHelpText(
      'after',
      examples([
        'clickstream up',
        'clickstream up --only kafka,postgres',
        'clickstream up --spark cluster',
        'clickstream up --json',
      ]),
    )
    .addHelpText(
      'after',
      '\nWithout --spark, Spark stays what it is until `down`; the first time it is local. With the other kind, that' +
        '\none takes the place of what runs, and a run of the figures under way is tried again on it. What a cluster' +
        '\nlost (a worker, its master) comes back with the next `up`.',
    )
    .addHelpText('after', '\nPasswords are not printed; servers.json in the state folder (0600) has them.')
    .addHelpText(
      'after',
      exitCodes({
        0: 'all of them answer',
        2: 'usage',
        3: 'one did not start, or the machine lacks something',
      }),
    )
    .action((options: UpOptions) => up(options, ctx));
}

async function up(options: UpOptions, ctx: CliContext): Promise<void> {
  const only = parseServerNames(options.only);
  const spark = parseSparkKind(options.spark, only);
  const view = createProgressView(process.stderr, ctx.live);
  const starting = startServers({
    only,
    onProgress: view.onProgress,
    signal: ctx.signal,
    ...(spark && { spark }),
  });
  const { file, started } = await starting.finished.finally(() => view.close());
  ctx.result({ ...addresses(file), started }, summary(file));
}

/** @throws UsageError also where no Spark is to be started at all. */
function parseSparkKind(text: string | undefined, only: readonly ServerName[]): SparkKind | undefined {
  if (text === undefined) return undefined;
  const kind = SPARK_KINDS.find((known) => known === text);
  if (kind === undefined) throw new UsageError(`--spark: expected local or cluster, got ${text}`);
  if (!only.includes('spark')) throw new UsageError(`--spark ${kind}: expected spark among --only`);
  if (namedByEnvironment(process.env).includes('spark'))
    throw new UsageError(
      `--spark ${kind}: SPARK_REMOTE names a Spark of your own, so none is started; unset it first`,
    );
  return kind;
}

/** For scripts, without PostgreSQL's password: stdout ends in the logs of others. servers.json has it. */
function addresses({ postgres, ...file }: StateFile): object {
  const others = SERVER_NAMES.filter((name) => name !== 'postgres');
  return {
    ...Object.fromEntries(others.flatMap((name) => (file[name] ? [[name, file[name]]] : []))),
    ...(postgres && { postgres: { url: hideSecrets(postgres.url) } }),
  };
}

function summary(file: StateFile): string {
  const lines: [string, string | undefined][] = [
    [TITLES.temporal, file.temporal && `${file.temporal.address}   web UI ${file.temporal.uiUrl ?? ''}`],
    [TITLES.kafka, file.kafka?.brokers.join(',')],
    [TITLES.postgres, file.postgres && hideSecrets(file.postgres.url)],
    [TITLES.spark, file.spark && sparkLine(file.spark)],
    [TITLES.elasticsearch, file.elasticsearch?.url],
  ];
  return lines
    .flatMap(([title, address]) => (address ? [`${title.padEnd(14)} ${address}`] : []))
    .concat('They keep running; `npx clickstream down` stops them, the data stays.')
    .join('\n');
}

const sparkLine = ({ remote, cluster }: NonNullable<StateFile['spark']>): string =>
  cluster ? `${remote}   ${cluster.workers} workers, master's web UI ${cluster.ui}` : remote;
