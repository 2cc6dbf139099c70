import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
      const { address, namespace } = temporalTarget(servers);
      const child = spawn(temporalBinary(), words, {
        stdio: 'inherit',
        env: { ...process.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      ctx.exit((code ?? 1) as ExitCode);
    });
}
