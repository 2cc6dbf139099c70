import { once } from 'node:events';
import { UsageError } from '../../domain/errors.js';
import { isLoopback, openWeb, WEB_HOST, WEB_PORT } from '../../web/server/open.js';
import { loadConfig } from '../loadConfig.js';
import { webLogger } from '../support/webLogger.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

interface WebCommand {
  readonly port: string;
  readonly host: string;
  readonly allowHost: readonly string[];
}

function portOf(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new UsageError(`--port: expected 0 to 65535, got '${text}'`);
  return Number(text);
}

/** Serves until the signal. */
async function serve(ctx: CliContext, { host, port, allowHost }: WebCommand): Promise<void> {
  const options = { host, port: portOf(port), allowHosts: allowHost, logger: webLogger(ctx) };
  const settings = await loadConfig({ config: ctx.config });
  const { name } = settings.config;
  const web = await openWeb(settings, options);
  try {
    if (!isLoopback(host))
      ctx.progress(
        `warning: ${host} is not loopback: whoever reaches it reads all figures, without a password`,
      );
    ctx.result({ url: web.url, name }, `${web.url}  the figures of ${name}; Ctrl-C ends it`);
    if (!ctx.signal.aborted) await once(ctx.signal, 'abort');
  } finally {
    await web.close();
  }
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('web')
    .description('the analysis page: serves it, and three read-only endpoints, until Ctrl-C')
    .option('--port <n>', '0: any that is free', String(WEB_PORT))
    .option(
      '--host <address>',
      'the address to listen on; another than loopback shows the figures to others',
      WEB_HOST,
    )
    .option(
      '--allow-host <name>',
      'a name under which a proxy asks, besides loopback; may repeat',
      (name: string, names: string[]) => [...names, name.toLowerCase()],
      [] as string[],
    )
    .addHelpText(
      'after',
      '\nIt searches the index of the installation, and changes nothing. docs/web.md has the endpoints.',
    )
    .addHelpText('after', examples(['clickstream web', 'clickstream --config my.yaml web --port 0']))
    .addHelpText('after', exitCodes({ 0: 'ended by a signal', 2: 'usage or configuration' }))
    .action((options: WebCommand) => serve(ctx, options));
}
