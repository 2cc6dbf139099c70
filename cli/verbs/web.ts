import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { projectRoot } from '../../clients/settings/loadConfig.js';
import { UsageError } from '../../domain/errors.js';
import { openFreshness } from '../../web/server/freshness.js';
import { createWebServer } from '../../web/server/server.js';
import { readStaticFiles } from '../../web/server/staticFiles.js';
import { loadConfig } from '../loadConfig.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const PORT = 8380;
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
/** Requests under way get so long, ms, when the server is told to end. */
const GRACE = 2_000;

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

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** Serves until the signal. */
async function serve(ctx: CliContext, { host, port: portText, allowHost }: WebCommand): Promise<void> {
  const port = portOf(portText);
  const settings = await loadConfig({ config: ctx.config });
  const { name } = settings.config;
  const client = openElasticsearch(settings.servers);
  const freshness = openFreshness(settings);
  // Its first answer takes the longest: it is begun before anybody asks.
  void freshness.read();
  const say = (_: object, message: string): void => ctx.progress(message);
  const error = ({ err }: { err?: unknown }, message: string): void =>
    ctx.progress(`${message}: ${err instanceof Error ? (err.stack ?? err.message) : String(err)}`);
  const server = createWebServer({
    index: { client, name },
    freshness,
    files: readStaticFiles(join(projectRoot(), 'dist/web/page')),
    ...(isLoopback(host) && { hosts: new Set([...LOOPBACK, ...allowHost]) }),
    logger: { debug: () => undefined, info: say, warn: say, error },
  });
  try {
    server.listen(port, host);
    await once(server, 'listening', { signal: ctx.signal });
    const { port: taken } = server.address() as AddressInfo;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${taken}/`;
    if (!isLoopback(host))
      ctx.progress(
        `warning: ${host} is not loopback: whoever reaches it reads all figures, without a password`,
      );
    ctx.result({ url, name }, `${url}  the figures of ${name}; Ctrl-C ends it`);
    await once(ctx.signal, 'abort');
  } catch (e) {
    if (!ctx.signal.aborted) throw listenError(e, host, port);
  } finally {
    server.close();
    setTimeout(() => server.closeAllConnections(), GRACE).unref();
    server.closeIdleConnections();
    await freshness.close();
    await client.close();
  }
}

function listenError(e: unknown, host: string, port: number): unknown {
  const code = e instanceof Error && 'code' in e ? e.code : undefined;
  if (code === 'EADDRINUSE')
    return new UsageError(`--port: ${host}:${port} is in use; choose another, or 0 for any that is free`, {
      cause: e,
    });
  if (code === 'EACCES')
    return new UsageError(`--port: the right to listen on ${port} is missing`, { cause: e });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new UsageError(`--host: ${host} is no address of this machine`, { cause: e });
  return e;
}

export function register(program: Command, ctx: CliContext): void {
  program
    .command('web')
    .description('the analysis page: serves it, and three read-only endpoints, until Ctrl-C')
    .option('--port <n>', '0: any that is free', String(PORT))
    .option(
      '--host <address>',
      'the address to listen on; another than loopback shows the figures to others',
      '127.0.0.1',
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
