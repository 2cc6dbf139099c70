import { Command } from 'commander';
import { createContext } from './support/context.js';
import { describeFailure } from './support/failure.js';
import { ExitCode, exitCodes } from './support/verb.js';
import { VERBS } from './support/verbs.js';
import { UsageError } from '../domain/errors.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../clients/settings/loadConfig.js';

const version = (): string => {
  const text = readFileSync(join(projectRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
};

const program = new Command('clickstream')
  .description(
    'Clickstream events from Kafka through PostgreSQL and Spark into Elasticsearch, driven by Temporal.',
  )
  .version(version(), '-V, --version', 'print the version')
  .option('--config <file>', 'the configuration (default: clickstream.yaml of the project)')
  .option('--json', 'print one JSON object instead of text (metrics: one a line)')
  .helpOption('-h, --help', 'show help')
  .helpCommand(false)
  .showHelpAfterError('(`clickstream --help` shows the verbs)')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride()
  .addHelpText(
    'after',
    exitCodes({
      0: 'done',
      1: 'checked, and found different',
      2: 'usage or configuration',
      3: 'a server is unreachable or refused us',
      4: 'the workflow failed, or the index is behind',
      130: 'interrupted',
    }),
  )
  .addHelpText('after', '\nServers are named by the environment, else by what `clickstream up` started.');

const { ctx, code } = createContext(program);

const verbOf = (words: readonly string[]): string | undefined => words.find((word) => VERBS.has(word));

/** Loads the verb that is called, or all of them where help may list them. */
async function registerVerbs(words: readonly string[]): Promise<void> {
  const asked = verbOf(words);
  const needed = asked === undefined || words.includes('help') ? [...VERBS.keys()] : [asked];
  for (const verb of needed) (await VERBS.get(verb)?.())?.register(program, ctx);
  for (const command of program.commands) pointToOwnHelp(command, command.name());
  // Whatever follows `temporal` is its own, --json and --help included.
  if (asked === 'temporal') {
    program.enablePositionalOptions();
    program.commands.find((command) => command.name() === asked)?.passThroughOptions();
  }
}

/** What is wrong with an option of a verb is answered by the help of that verb. */
function pointToOwnHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(\`clickstream ${path} --help\` shows how)`);
  for (const part of command.commands) pointToOwnHelp(part, `${path} ${part.name()}`);
}

/** Of ours, since commander's own answers an unknown verb with the whole help and no word about it. */
function registerHelp(): void {
  program
    .command('help')
    .argument('[verb...]')
    .description('show help of a verb')
    .action((words: readonly string[]) => {
      let command = program;
      for (const [i, word] of words.entries()) {
        const found = command.commands.find((candidate) => candidate.name() === word);
        if (found === undefined) {
          const verb = words.slice(0, i + 1).join(' ');
          throw new UsageError(
            `help: there is no verb ${JSON.stringify(verb)}; \`clickstream help\` lists them`,
          );
        }
        command = found;
      }
      command.outputHelp();
    });
}

/** Subcommands inherit what ends the process only when they are made after it was set: set it for all. */
function overrideExits(command: Command): void {
  command.exitOverride();
  command.commands.forEach(overrideExits);
}

async function main(): Promise<void> {
  try {
    await registerVerbs(process.argv.slice(2));
    registerHelp();
    overrideExits(program);
    if (process.argv.length <= 2) {
      program.outputHelp();
      return;
    }
    await program.parseAsync();
    process.exitCode = code();
  } catch (error) {
    // What breaks off because of Ctrl-C is no failure, whatever a library makes of it.
    const failure = describeFailure(
      ctx.signal.aborted ? ctx.signal.reason : error,
      verbOf(process.argv.slice(2)),
    );
    if (failure.message !== undefined) ctx.progress(`clickstream: ${failure.message}`);
    if (failure.hint !== undefined) ctx.progress(`  ${failure.hint}`);
    if (process.env['CLICKSTREAM_DEBUG'] && error instanceof Error) ctx.progress(error.stack ?? '');
    // What was waited for goes on elsewhere; its connections shall not keep the process.
    if (failure.code === ExitCode.Interrupted) process.exit(failure.code);
    process.exitCode = failure.code;
  }
}

await main();
