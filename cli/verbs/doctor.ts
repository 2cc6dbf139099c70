/** `clickstream doctor`: is everything there, reachable, and the right one? Changes nothing. */
import type { Servers } from '../../domain/config/config.js';
import { indexTemplate } from '../../domain/names.js';
import { hasServer, namedByEnvironment } from '../../domain/config/servers.js';
import { postgresThroughSpark, type Primary } from '../../clients/probe/index.js';
import { loadConfig } from '../../clients/settings/loadConfig.js';
import {
  SERVER_NAMES,
  TITLES,
  livingWorkers,
  readServersFile,
  stateFolder,
  type ServerName,
} from '../../infra/servers.js';
import { findFolders, findTools } from '../../infra/tools.js';
import { withConfig } from '../support/commands.js';
import { interruptible } from '../support/runs.js';
import { examples, ExitCode, exitCodes, type CliContext, type Command } from '../support/verb.js';
import { examineAliases, type ExaminedAlias } from './servers/aliases.js';
import { examine, reasonOf, type Examined } from './servers/examine.js';
import { render, type Diagnosis } from './servers/diagnosis.js';

export function register(program: Command, ctx: CliContext): void {
  program
    .command('doctor')
    .description(
      'examine the servers, what this machine has, whether all addresses of PostgreSQL are one, and the index’s aliases',
    )
    .addHelpText('after', examples(['clickstream doctor', 'clickstream doctor --json']))
    .addHelpText(
      'after',
      exitCodes({
        0: 'every server answers',
        1: 'they answer, but PostgreSQL is not one primary, or a read alias not that of the index that runs feed',
        3: 'one is unreachable, refuses us, or is not named',
        130: 'interrupted',
      }),
    )
    .action(() => interruptible(ctx.signal, doctor(ctx)));
}

async function doctor(ctx: CliContext): Promise<void> {
  const { config, servers } = await loadConfig({ config: ctx.config });
  const [examined, tools] = await Promise.all([
    Promise.all(SERVER_NAMES.map((name) => examineOne(name, servers, config.name))),
    findTools(process.env),
  ]);
  const primaries = [
    ...examined.flatMap((server) => server.primaries),
    ...(await throughSpark(servers, examined)),
  ];
  const diagnosis: Diagnosis = {
    servers: examined,
    primaries,
    onePrimary: isOnePrimary(primaries),
    aliases: await aliasesOf(servers, config.name, examined),
    tools,
    folders: findFolders(process.env),
  };
  ctx.result(diagnosis, withConfig(render(diagnosis), ctx.config));
  if (examined.some((server) => !server.reachable)) ctx.exit(ExitCode.Server);
  else if (!diagnosis.onePrimary || diagnosis.aliases.some(({ problem }) => problem !== null))
    ctx.exit(ExitCode.Different);
}

async function examineOne(name: ServerName, servers: Servers, installation: string): Promise<Examined> {
  const from = origin(name);
  if (hasServer(servers, name)) {
    const examined = await examine(name, servers, installation);
    const workers = name === 'spark' && from === 'up' ? await clusterWorkers() : '';
    return { ...examined, detail: `${examined.detail}${workers}`, from };
  }
  return {
    name,
    title: TITLES[name],
    reachable: false,
    address: '',
    detail: 'not named by the environment, and not started: run `npx clickstream up`',
    latencyMs: 0,
    primaries: [],
    from,
  };
}

function origin(name: ServerName): Examined['from'] {
  if (namedByEnvironment(process.env).includes(name)) return 'environment';
  return readServersFile(stateFolder(process.env)).processes[name] ? 'up' : 'nowhere';
}

/** Of a cluster that `up` started: `, 2 of 2 workers`. The chain runs with one as well. */
async function clusterWorkers(): Promise<string> {
  const cluster = readServersFile(stateFolder(process.env)).spark?.cluster;
  if (cluster === undefined) return '';
  const living = await livingWorkers(cluster.ui);
  if (living === cluster.workers) return `, ${living} of ${cluster.workers} workers`;
  const lost =
    living === undefined ? ', the master does not answer' : `, ${living} of ${cluster.workers} workers`;
  return `${lost}: \`npx clickstream up\` brings back what is missing`;
}

const answers = (examined: readonly Examined[], name: ServerName): boolean =>
  examined.some((server) => server.name === name && server.reachable);

async function aliasesOf(
  servers: Servers,
  installation: string,
  examined: readonly Examined[],
): Promise<ExaminedAlias[]> {
  if (!answers(examined, 'elasticsearch')) return [];
  const signal = AbortSignal.timeout(ALIASES_PATIENCE_MS);
  try {
    return await examineAliases(servers, installation, answers(examined, 'postgres'), signal);
  } catch (error) {
    // It answers, but not this question: a right that is missing, for one.
    return [{ alias: indexTemplate(installation), index: null, problem: reasonOf(error) }];
  }
}

const ALIASES_PATIENCE_MS = 8_000;

/** Spark reads PostgreSQL by an address of its own, which can lead elsewhere. */
async function throughSpark(servers: Servers, examined: readonly Examined[]): Promise<Primary[]> {
  if (!answers(examined, 'spark') || !answers(examined, 'postgres') || !servers.spark.jdbcUrl) return [];
  const { remote, jdbcUrl } = servers.spark;
  try {
    return [await postgresThroughSpark(remote, jdbcUrl, AbortSignal.timeout(SPARK_PATIENCE_MS))];
  } catch (error) {
    return [
      { address: `as Spark reaches it: ${reasonOf(error)}`, version: '', systemId: '', standby: false },
    ];
  }
}

/** A cold driver takes its time for the first query. */
const SPARK_PATIENCE_MS = 30_000;

const isOnePrimary = (primaries: readonly Primary[]): boolean =>
  new Set(primaries.map(({ systemId }) => systemId)).size <= 1 && primaries.every(({ standby }) => !standby);
