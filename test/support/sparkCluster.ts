/** A Spark cluster of a test's own, whose processes may be killed. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ProcessName } from '../../infra/model.js';
import { readServersFile, startServers, stopServers } from '../../infra/servers.js';
import { serviceFilePath, writeServiceFile } from '../../infra/serviceFile.js';
import { killServersOf } from './ending.js';
import { until } from './installation.js';

export interface TestSparkCluster {
  readonly remote: string;
  readonly jdbcUrl: string;
  readonly ui: string;
  /** Gives PostgreSQL at another port a service name of its own. @returns its JDBC URL */
  nameService(service: string, port: number): string;
  pidOf(process: ProcessName): number;
  /** Of each worker in turn, those of its executors that run. */
  executors(): number[][];
  /** Resolves when each worker has an executor. */
  haveExecutors(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(pid: number): Promise<void>;
  /** As `clickstream up` does again: starts what is missing. */
  up(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const WORKERS = ['spark-worker-1', 'spark-worker-2'] as const;

/** @param databaseUrl what driver and executors find under the service name of `jdbcUrl` */
export async function startSparkCluster(databaseUrl: string): Promise<TestSparkCluster> {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'spark-cluster-'));
  writeServiceFile(stateDir, databaseUrl);
  // Its JVMs live for a few jobs: code that is compiled well comes too late for them.
  const env: NodeJS.ProcessEnv = { ...process.env, JDK_JAVA_OPTIONS: '-XX:TieredStopAtLevel=1' };
  delete env['SPARK_REMOTE'];
  delete env['SPARK_JDBC_URL'];
  const start = () => startServers({ only: ['spark'], spark: 'cluster', stateDir, env }).finished;
  // Each JVM leads the group of its executors.
  const ended = killServersOf(stateDir);
  const stop = async (): Promise<void> => {
    await stopServers({ stateDir });
    ended();
    rmSync(stateDir, { recursive: true, force: true });
  };
  const { file } = await start().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const { remote = '', jdbcUrl = '', cluster: made } = file.spark ?? {};
  const pidOf = (name: ProcessName): number => readServersFile(stateDir).processes[name]?.pid ?? 0;
  const cluster: TestSparkCluster = {
    remote,
    jdbcUrl,
    ui: made?.ui ?? '',
    pidOf,
    nameService(service, port) {
      const file = serviceFilePath(stateDir);
      const [, lines = ''] = readFileSync(file, 'utf8').split(/^\[.*\]\n/m);
      appendFileSync(file, `[${service}]\n${lines.replace(/^port=.*$/m, `port=${port}`)}`);
      return `jdbc:postgresql:///?service=${service}`;
    },
    executors: () => WORKERS.map((worker) => childrenOf(pidOf(worker))),
    haveExecutors: () =>
      until('an executor on each worker', 60_000, () =>
        cluster.executors().every(({ length }) => length > 0),
      ),
    async kill(pid) {
      process.kill(pid, 'SIGKILL');
      await until(`the end of process ${pid}`, 10_000, () => !isThere(pid));
    },
    up: async () => (await start()).started,
    stop,
  };
  return cluster;
}

function childrenOf(pid: number): number[] {
  try {
    const pids = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
    return pids.trim().split('\n').map(Number).filter(isThere);
  } catch {
    // It says by its exit code that there are none.
    return [];
  }
}

/** Whether the process runs; one that is dead and waits for its parent does not. */
export function isThere(pid: number): boolean {
  try {
    const stat = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return !stat.trim().startsWith('Z');
  } catch {
    return false;
  }
}
