import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hasServer } from '../../domain/config/servers.js';
import { temporalTarget } from '../../clients/temporal/index.js';
import { temporalBinary } from '../support/temporalBinary.js';
import { loadConfig } from '../loadConfig.js';
import { examples, type CliContext, type Command, type ExitCode } from '../support/verb.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('temporal')
    .description('the Temporal command line, at this installation’s address and namespace')
    .argument('[words...]', 'handed to `temporal` as they are')
    .allowUnknownOption()
    .helpOption(false)
    .addHelpText(
      'after',
      examples([
        'clickstream temporal workflow list',
        'clickstream temporal workflow describe --workflow-id clickstream-pipeline',
        'clickstream temporal schedule toggle --pause --schedule-id clickstream-schedule --reason "maintenance"',
        'clickstream temporal schedule trigger --schedule-id clickstream-schedule',
      ]),
    )
    .addHelpText('after', '\nExit code: that of `temporal` itself; 2 when there is none.')
    .action(async (words: string[]) => {
      const { servers } = await loadConfig({ config: ctx.config });
      // Its help needs no server.
      const target = hasServer(servers, 'temporal') ? temporalTarget(servers) : undefined;
      const child = spawn(temporalBinary(), words, {
        stdio: 'inherit',
        env: {
          ...process.env,
          ...(target && { TEMPORAL_ADDRESS: target.address, TEMPORAL_NAMESPACE: target.namespace }),
        },
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      ctx.exit((code ?? 1) as ExitCode);
    });
}
