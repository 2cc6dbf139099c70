/** `clickstream up`: the five servers on this machine, in parallel, from whatever is left of them. */
import { UsageError } from '../../domain/errors.js';
import { createProgressView } from '../../infra/progressView.js';
import { SERVER_NAMES, TITLES, startServers, type StateFile } from '../../infra/servers.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';
import { parseServerNames } from './servers/names.js';

interface UpOptions {
  readonly only?: string;
  readonly spark: string;
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('up')
    .description('start the servers on this machine (those that the environment names are used, not started)')
    .option('--only <servers>', `some of them, separated by commas: ${SERVER_NAMES.join(', ')}`)
    .option('--spark <kind>', 'local, one process; cluster comes in a later version', 'local')
    .addHelpText(
      'after',
      examples(['clickstream up', 'clickstream up --only kafka,postgres', 'clickstream up --json']),
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
  if (options.spark === 'cluster') {
    throw new UsageError(
      '--spark cluster: a Spark cluster comes in a later version; point SPARK_REMOTE at your own',
    );
  }
  if (options.spark !== 'local') throw new UsageError(`--spark: expected local, got ${options.spark}`);
  const only = parseServerNames(options.only);
  const view = createProgressView(process.stderr, ctx.live);
  const starting = startServers({ only, onProgress: view.onProgress, signal: ctx.signal });
  const { file, started } = await starting.finished.finally(() => view.close());
  ctx.result({ ...addresses(file), started }, summary(file));
}

/** For scripts, without PostgreSQL's password: stdout ends in the logs of others. servers.json has it. */
function addresses({ postgres, ...file }: StateFile): object {
  const others = SERVER_NAMES.filter((name) => name !== 'postgres');
  return {
    ...Object.fromEntries(others.flatMap((name) => (file[name] ? [[name, file[name]]] : []))),
    ...(postgres && { postgres: { url: withoutPassword(postgres.url) } }),
  };
}

function summary(file: StateFile): string {
  const lines: [string, string | undefined][] = [
    [TITLES.temporal, file.temporal && `${file.temporal.address}   web UI ${file.temporal.uiUrl ?? ''}`],
    [TITLES.kafka, file.kafka?.brokers.join(',')],
    [TITLES.postgres, file.postgres && withoutPassword(file.postgres.url)],
    [TITLES.spark, file.spark?.remote],
    [TITLES.elasticsearch, file.elasticsearch?.url],
  ];
  return lines
    .flatMap(([title, address]) => (address ? [`${title.padEnd(14)} ${address}`] : []))
    .concat('They keep running; `npx clickstream down` stops them, the data stays.')
    .join('\n');
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  return shown.href;
}
