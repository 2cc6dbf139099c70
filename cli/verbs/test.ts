import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { ownStateDir, projectRoot } from '../../clients/settings/loadConfig.js';
import { UsageError } from '../../domain/errors.js';
import { createProgressView } from '../../infra/progressView.js';
import { startServers, stopServers } from '../../infra/servers.js';
import { addTotals, isGreen, parseTotals } from '../testing/results.js';
import type { Totals } from '../testing/results.js';
import { addresses, isolated } from '../support/ownServers.js';
import { examples, ExitCode, exitCodes, type CliContext, type Command } from '../support/verb.js';

/** Folders whose tests need no server; the others share five. */
const PURE = ['domain', 'corpus', 'examples', 'docs'];
const CONCURRENCY = 2;
/** A test that hangs must not hang the run. */
const TIMEOUT_MS = 15 * 60_000;

export function register(program: Command, ctx: CliContext): void {
  program
    .command('test')
    .description('run the tests, on five servers of their own')
    .argument('[filter...]', 'only files whose path holds one of these words')
    .addHelpText(
      'after',
      '\nThe servers live in a state folder of their own and are stopped afterwards; others are not touched.' +
        '\nCLICKSTREAM_TEST_SERVERS=environment uses the servers that the environment names instead.',
    )
    .addHelpText('after', examples(['npm test', 'npm test -- workflows']))
    .addHelpText('after', exitCodes({ 0: 'all passed', 1: 'a test failed, was skipped, or none ran' }))
    .action((filter: string[]) => runTests(ctx, filter));
}

async function runTests(ctx: CliContext, filter: readonly string[]): Promise<void> {
  const files = testFiles().filter(
    (file) => filter.length === 0 || filter.some((word) => file.includes(word.replace(/\.ts$/, ''))),
  );
  if (files.length === 0) throw new UsageError(`no test file matches ${filter.join(', ') || 'dist/test'}`);
  const pure = files.filter((file) => PURE.includes(file.split(sep)[2] ?? ''));
  const served = files.filter((file) => !pure.includes(file));

  const stateDir = `${ownStateDir()}-test`;
  const own = process.env['CLICKSTREAM_TEST_SERVERS'] !== 'environment';
  const env = own ? isolated(process.env, stateDir) : process.env;
  let totals: Totals = { passed: 0, failed: 0, unfinished: 0 };
  // The unit tests' output comes between: lines that are drawn over would overwrite it.
  const view = createProgressView(process.stderr, false);
  try {
    const starting =
      own && served.length > 0
        ? startServers({ stateDir, env, signal: ctx.signal, onProgress: view.onProgress })
        : undefined;
    // Unit tests run while the servers come up.
    starting?.finished.catch(() => undefined);
    if (pure.length > 0) totals = addTotals(totals, await runNode(ctx, pure, env));
    if (served.length > 0) {
      const started = await starting?.finished;
      totals = addTotals(totals, await runNode(ctx, served, { ...env, ...addresses(started?.file) }));
    }
  } finally {
    if (own) await stopServers({ stateDir });
  }
  const { passed, failed, unfinished } = totals;
  if (unfinished > 0) ctx.out(`${unfinished} skipped, cancelled or still to do: that is not passing`);
  ctx.out(`${passed} passed, ${failed + unfinished} failed`);
  if (!isGreen(totals)) ctx.exit(ExitCode.Different);
}

/** Paths relative to the project, unit tests first. */
function testFiles(): string[] {
  const root = projectRoot();
  const found = readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => relative(root, join(root, 'dist/test', file)));
  return found.sort();
}

/** One run of Node's own runner over exactly these files; its output goes to stdout as it comes. */
async function runNode(ctx: CliContext, files: readonly string[], env: NodeJS.ProcessEnv): Promise<Totals> {
  // Node itself says NODE_TEST_CONTEXT to the processes that it starts; set here it would change the output.
  const clean = { ...env };
  delete clean['NODE_TEST_CONTEXT'];
  const child = spawn(
    process.execPath,
    [
      join(projectRoot(), 'dist/cli/testing/run.js'),
      String(CONCURRENCY),
      String(TIMEOUT_MS),
      ...files.map((file) => join(projectRoot(), file)),
    ],
    { cwd: projectRoot(), env: clean, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const stop = (): boolean => child.kill('SIGTERM');
  ctx.signal.addEventListener('abort', stop);
  let tail = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    process.stdout.write(chunk);
    tail = (tail + chunk).slice(-1_000_000);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  ctx.signal.removeEventListener('abort', stop);
  ctx.signal.throwIfAborted();
  const totals = parseTotals(tail) ?? { passed: 0, failed: 1, unfinished: 0 };
  // A file that died without a word is a failure too.
  return code !== 0 && totals.failed === 0 && totals.unfinished === 0 ? { ...totals, failed: 1 } : totals;
}
