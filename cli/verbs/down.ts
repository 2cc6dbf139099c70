/** `clickstream down`: stops what `up` started; the data stays. */
import { createProgressView } from '../../infra/progressView.js';
import { SERVER_NAMES, TITLES, stopServers } from '../../infra/servers.js';
import { examples, type CliContext, type Command } from '../support/verb.js';
import { parseServerNames } from './servers/names.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('down')
    .description('stop the servers that up started; their data stays')
    .option('--only <servers>', `some of them, separated by commas: ${SERVER_NAMES.join(', ')}`)
    .addHelpText('after', examples(['clickstream down', 'clickstream down --only elasticsearch']))
    .action((options: { readonly only?: string }) => down(options, ctx));
}

async function down(options: { readonly only?: string }, ctx: CliContext): Promise<void> {
  const only = parseServerNames(options.only);
  const view = createProgressView(process.stderr, ctx.live);
  const stopped = await stopServers({ only, onProgress: view.onProgress }).finally(() => view.close());
  const text =
    stopped.length === 0
      ? 'Nothing was running.'
      : `Stopped ${stopped.map((name) => TITLES[name]).join(', ')}; the data stays.`;
  ctx.result({ stopped }, text);
}
