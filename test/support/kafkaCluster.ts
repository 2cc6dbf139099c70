/** A Kafka cluster of a test's own, several brokers on loopback, for faults that no shared server may suffer. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cacheFolder } from '../../infra/folders.mjs';
import { kafka } from '../../infra/kafka.js';
import type { Command, Place, Ports } from '../../infra/model.js';
import { choosePorts, LOOPBACK, PortClaims } from '../../infra/ports.js';
import { logTail } from '../../infra/processes.js';
import { whenEnded } from './ending.js';

export interface KafkaCluster {
  /** `host:port` of each, in the order of their ids, which count from 1. */
  readonly brokers: readonly string[];
  /** The same with the port to spare. */
  readonly spareListeners: readonly string[];
  /** Resolves when each of them (absent: all) answers. */
  start(ids?: readonly number[]): Promise<void>;
  /** SIGKILL; resolves when each of them (absent: all) is gone. */
  kill(ids?: readonly number[]): Promise<void>;
}

export interface ClusterOptions {
  readonly size: number;
  /** More settings of each broker, by its ports: main, controller, and `spare` and `second` for other listeners. */
  readonly settings?: (ports: Ports) => Readonly<Record<string, string | number>>;
}

type Program = Awaited<ReturnType<typeof kafka.prepare>>;

interface Node {
  readonly id: number;
  readonly program: Program;
  readonly place: Place;
  readonly ports: Ports;
  readonly command: Command;
  process?: ChildProcess;
}

/**
 * Far from the ports that servers of people's own usually have, and from those of another cluster that starts in another
 * test process at the same moment: a port that is free now may be taken before the broker binds it.
 */
const BASE_PORT = 21_000 + (process.pid % 300) * 30;

const START_PATIENCE_MS = 120_000;

/** All brokers are controllers as well (KRaft), topics have a replica on each, and one of them may be missing. */
export async function withKafkaCluster(
  options: ClusterOptions,
  use: (cluster: KafkaCluster) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'kafka-cluster-'));
  const nodes: Node[] = [];
  const ended = whenEnded(() => nodes.forEach((node) => node.process?.kill('SIGKILL')));
  try {
    nodes.push(...(await prepare(folder, options)));
    const chosen = (ids: readonly number[] | undefined): Node[] =>
      nodes.filter(({ id }) => ids === undefined || ids.includes(id));
    const cluster: KafkaCluster = {
      brokers: nodes.map(({ ports }) => `${LOOPBACK}:${ports.main}`),
      spareListeners: nodes.map(({ ports }) => `${LOOPBACK}:${ports['spare']}`),
      start: async (ids) => void (await Promise.all(chosen(ids).map(startNode))),
      kill: async (ids) => void (await Promise.all(chosen(ids).map(killNode))),
    };
    await cluster.start();
    await use(cluster);
  } finally {
    await Promise.all(nodes.map(killNode));
    ended();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function prepare(folder: string, { size, settings }: ClusterOptions): Promise<Node[]> {
  const claims = new PortClaims(path.join(folder, 'ports'));
  const signal = new AbortController().signal;
  const nodes: Node[] = [];
  let program: Program | undefined;
  for (let id = 1; id <= size; id++) {
    const dir = path.join(folder, String(id));
    const place: Place = { cacheDir: cacheFolder(process.env), dir, env: process.env, signal };
    const ports = await choosePorts(
      { main: BASE_PORT, controller: BASE_PORT + 10, spare: BASE_PORT + 20, second: BASE_PORT + 25 },
      undefined,
      claims,
    );
    const first = nodes[0];
    if (first !== undefined) joinAs(id, path.join(first.place.dir, 'data'), path.join(dir, 'data'));
    program ??= await kafka.prepare(place, () => undefined);
    const { args, ...command } = await kafka.configure(place, program, ports);
    const small = args.map((arg) => (arg.startsWith('-Xmx') ? '-Xmx256m' : arg));
    nodes.push({
      id,
      program,
      place,
      ports,
      command: { ...command, args: ['-XX:TieredStopAtLevel=1', ...small] },
    });
  }
  const voters = nodes.map(({ id, ports }) => `${id}@${LOOPBACK}:${ports['controller']}`).join(',');
  const most = Math.max(1, size - 1);
  for (const { id, place, ports } of nodes)
    appendProperties(path.join(place.dir, 'server.properties'), {
      'node.id': id,
      'controller.quorum.voters': voters,
      'default.replication.factor': size,
      'min.insync.replicas': most,
      'offsets.topic.replication.factor': size,
      'transaction.state.log.replication.factor': size,
      'transaction.state.log.min.isr': most,
      // Allocated in one piece at start: of the default, 128 MiB, half of a small heap, that fails now and then.
      'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
      // A dead broker's partitions move after 5 s.
      'broker.session.timeout.ms': 5_000,
      'broker.heartbeat.interval.ms': 500,
      ...settings?.(ports),
    });
  return nodes;
}

/** The data folder of another member: what the first one's was formatted with, under an id of its own. */
function joinAs(id: number, formatted: string, data: string): void {
  mkdirSync(path.dirname(data), { recursive: true });
  cpSync(formatted, data, { recursive: true });
  const file = path.join(data, 'meta.properties');
  const directory = `A${randomBytes(16).toString('base64url').slice(1)}`;
  writeFileSync(
    file,
    readFileSync(file, 'utf8')
      .replace(/^node\.id=.*$/m, `node.id=${id}`)
      .replace(/^directory\.id=.*$/m, `directory.id=${directory}`),
  );
}

/** The last of several lines for one setting counts. */
function appendProperties(file: string, settings: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(settings)) appendFileSync(file, `${name}=${value}\n`);
}

async function startNode(node: Node): Promise<void> {
  const log = `${node.place.dir}.log`;
  const out = openSync(log, 'a');
  const { file, args, cwd, env } = node.command;
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', out, out] });
  closeSync(out);
  node.process = child;
  for (const began = Date.now(); !(await kafka.isReady(node.place, node.program, node.ports));) {
    if (child.exitCode !== null || Date.now() - began > START_PATIENCE_MS)
      throw new Error(`broker ${node.id} does not answer; the end of its log:\n${logTail(log)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function killNode(node: Node): Promise<void> {
  const child = node.process;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
