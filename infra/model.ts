/** The words that the files of this folder share. */
import type { ServerKey, ServersFile } from '../domain/config/servers.js';

export type ServerName = ServerKey;

/** What a Spark cluster has besides the Connect server, which is its driver. */
export type SparkPart = 'spark-master' | 'spark-worker-1' | 'spark-worker-2';
/** A server is one process, but for Spark where it is a cluster. */
export type ProcessName = ServerName | SparkPart;

/** In the order people read them; the one that takes longest on a cold machine is begun first all the same. */
export const SERVER_NAMES: readonly ServerName[] = [
  'temporal',
  'kafka',
  'postgres',
  'spark',
  'elasticsearch',
];

export const TITLES: Readonly<Record<ServerName, string>> = {
  temporal: 'Temporal',
  kafka: 'Kafka',
  postgres: 'PostgreSQL',
  spark: 'Spark Connect',
  elasticsearch: 'Elasticsearch',
};

/** By role, e.g. `{ broker: 9092, controller: 9093 }`; 'main' is the one that clients use. */
export type Ports = Readonly<Record<string, number>> & { readonly main: number };

export interface ServerProcess {
  readonly pid: number;
  /** Of processId.mjs: with the pid it identifies the process for good. */
  readonly started: string;
  readonly ports: Ports;
  readonly log: string;
}

/** servers.json: the addresses that every command reads, and what `down` and the next `up` need. */
export interface StateFile extends ServersFile {
  readonly processes: Readonly<Partial<Record<ProcessName, ServerProcess>>>;
  /** Kept after `down`, so that a server comes back where its clients look for it. */
  readonly lastPorts: Readonly<Partial<Record<ProcessName, Ports>>>;
}

export interface Progress {
  readonly server: ServerName;
  readonly state: 'working' | 'ready' | 'failed';
  /** What is being waited for, as people say it: "building, 812 of about 1,450 packages". */
  readonly what: string;
  /** Roughly, for the whole server; absent when nobody knows. */
  readonly secondsLeft?: number;
}

/** Tells what one server is doing. */
export type Report = (what: string, secondsLeft?: number) => void;

export interface Place {
  /** Downloads and built programs, shared by clones. */
  readonly cacheDir: string;
  /** This server's own folder inside the state folder: data, configuration. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Runs as the user that is nobody's when we are root (PostgreSQL and Elasticsearch refuse root). */
  readonly unprivileged?: boolean;
}

/** One process: how to get it, to set it up, to know that it answers. Knows nothing of process ids and locks. */
export interface ServerDefinition<N extends ServerName = ServerName, Program = unknown> {
  readonly name: N;
  /** Set where this is not the process that clients speak to, but one that it needs. */
  readonly part?: SparkPart;
  /** What people call it, where `TITLES` is too coarse. */
  readonly title?: string;
  readonly usualPorts: Ports;
  /** From command to first answer on a quiet 2-core machine. */
  readonly startSeconds: number;
  /** PostgreSQL's SIGTERM waits for its clients; everybody else's does not. */
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  /** Downloads or builds what is not in the cache yet. */
  prepare(place: Place, report: Report): Promise<Program>;
  /** Writes configuration and, the first time, makes the data folder. */
  configure(place: Place, program: Program, ports: Ports): Promise<Command>;
  isReady(place: Place, program: Program, ports: Ports): Promise<boolean>;
  /** Absent for a part: nobody else looks for it. */
  addresses?(place: Place, ports: Ports): NonNullable<ServersFile[N]>;
}
