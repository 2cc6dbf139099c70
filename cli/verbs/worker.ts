import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { projectRoot } from '../../clients/settings/loadConfig.js';
import { examples, ExitCode, exitCodes, type CliContext, type Command } from '../support/verb.js';

/**
 * The worker is a process of its own (workers/main.ts), so that its signals and exit code are its own.
 * `cli/clickstream.mjs` starts it directly; this verb gives it its help, and starts it for other callers.
 */
export function register(program: Command, ctx: CliContext): void {
  program
    .command('worker')
    .description('run a worker: the activities, and the workflows that drive them')
    .option('--role <role>', 'all, ingest (Kafka → PostgreSQL) or analyze (Spark, Elasticsearch)', 'all')
    .addHelpText(
      'after',
      '\nLogs are JSON lines on stderr, readable text on a terminal; CLICKSTREAM_LOG_LEVEL=debug shows more.' +
        '\nSIGTERM or Ctrl-C finishes the batches in hand (up to 60 s) and exits 0; a second Ctrl-C exits 130.' +
        '\nAny number of workers may run, anywhere.',
    )
    .addHelpText('after', examples(['clickstream worker', 'clickstream worker --role ingest']))
    .addHelpText(
      'after',
      exitCodes({
        0: 'told to stop, drained',
        2: 'configuration, or tables that are not this code’s',
        3: 'a server is unreachable',
        130: 'interrupted twice',
      }),
    )
    .action(async (options: { role: string }) => {
      const args = ['--role', options.role, ...(ctx.config === undefined ? [] : ['--config', ctx.config])];
      const worker = spawn(process.execPath, [join(projectRoot(), 'dist/workers/main.js'), ...args], {
        stdio: 'inherit',
      });
      ctx.signal.addEventListener('abort', () => worker.kill('SIGTERM'));
      const [code] = (await once(worker, 'exit')) as [number | null];
      ctx.exit((code ?? ExitCode.Different) as ExitCode);
    });
}
