/**
 * Kafka, Spark and Elasticsearch from Maven: one pom, one run, every file compared with a checksum of ours.
 * Maven itself is had from Maven, because only 3.9 knows trusted checksums and resolves in parallel.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { SetUpFailed } from './failure.js';
import { findJava, whichSync } from './java.js';
import { withLock } from './lock.mjs';
import type { Place, Report } from './model.js';
import { projectRoot } from './root.js';

const MAVEN = {
  version: '3.9.11',
  sha512:
    '03e2d65d4483a3396980629f260e25cac0d8b6f7f2791e4dc20bc83f9514db8d0f05b0479e699a5f34679250c49c8e52e961262ded468a20de0be254d8207076',
};
const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const folder = path.join(projectRoot, 'infra', 'maven');
const pom = path.join(folder, 'pom.xml');
/** Jars and poms on a cold run, and how long they took on a quiet line: only for the estimate. */
const COLD = { files: 770, seconds: 40 };

/** What the one run leaves in the cache. */
export interface JavaServers {
  /** A folder of Kafka's, Spark's and PostgreSQL's JDBC jars. */
  readonly jars: string;
  readonly elasticsearch: string;
}

/** A version as the pom fixes it, e.g. `kafka`. */
export function pinned(name: 'kafka' | 'spark' | 'elasticsearch'): string {
  const version = new RegExp(`<${name}\\.version>([^<]+)<`).exec(readFileSync(pom, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${pom}: no <${name}.version>`);
  return version;
}

const running = new Map<string, { readonly done: Promise<JavaServers>; readonly listeners: Set<Report> }>();

/** Kafka, Spark and Elasticsearch ask for the same; the first one fetches, all are told how it goes. */
export function fetchJavaServers(place: Place, report: Report): Promise<JavaServers> {
  const known = running.get(place.cacheDir);
  if (known) {
    known.listeners.add(report);
    return known.done;
  }
  const listeners = new Set([report]);
  const tellAll: Report = (what, secondsLeft) => {
    for (const listener of listeners) listener(what, secondsLeft);
  };
  // Forgotten when it ends, so that a later `startServers` looks at the cache again.
  const done = fetchOnce(place, tellAll).finally(() => running.delete(place.cacheDir));
  running.set(place.cacheDir, { done, listeners });
  return done;
}

async function fetchOnce(place: Place, report: Report): Promise<JavaServers> {
  const key = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  const target = path.join(place.cacheDir, `java-servers-${key}`);
  const servers: JavaServers = {
    jars: path.join(target, 'jars'),
    elasticsearch: path.join(target, `elasticsearch-${pinned('elasticsearch')}`),
  };
  if (existsSync(target)) return servers;
  const onWait = (pid: number) => report(`waiting for the download of process ${pid}`);
  return withLock(`${target}.lock`, () => download(place, target, report).then(() => servers), {
    onWait,
    signal: place.signal,
  });
}

async function download(place: Place, target: string, report: Report): Promise<void> {
  if (existsSync(target)) return;
  const repository = path.join(place.cacheDir, 'maven-repository');
  const maven = await fetchMaven(place, repository, report);
  const half = `${target}.half`;
  rmSync(half, { recursive: true, force: true });
  const started = Date.now();
  let files = 0;
  report('downloading (Maven)', COLD.seconds);
  await runMaven(
    place,
    maven,
    'Maven',
    [
      '-f',
      pom,
      `-Dmaven.repo.local=${repository}`,
      '-Daether.dependencyCollector.impl=bf',
      '-Daether.connector.basic.threads=16',
      ...checksumFlags('failIfMissing'),
      `-Dclickstream.out=${half}`,
      `${PLUGIN}:copy-dependencies@jars`,
      `${PLUGIN}:unpack-dependencies@elasticsearch`,
    ],
    (line) => {
      if (!line.startsWith('Downloaded from')) return;
      files += 1;
      if (files % 10 !== 0) return;
      report(`downloading, ${files} of ${COLD.files} files`, secondsLeft(started, files));
    },
  );
  letOthersRead(half);
  renameSync(half, target);
  // Everything needed stands in `target`; a repository of 400 MB more would only take room.
  rmSync(repository, { recursive: true, force: true });
}

/** The distribution's configuration is closed to others in its archive; the cache may serve several users. */
function letOthersRead(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.path, entry.name);
    if (entry.isSymbolicLink()) continue;
    chmodSync(file, (statSync(file).mode & 0o7777) | (entry.isDirectory() ? 0o755 : 0o644));
  }
}

function secondsLeft(started: number, files: number): number {
  const elapsed = (Date.now() - started) / 1_000;
  const done = Math.min(files / COLD.files, 0.98);
  // The large jars come last, so the count alone would promise too much early on.
  return Math.max(2, (done < 0.3 ? COLD.seconds - elapsed : (elapsed / done) * (1 - done)) || 2);
}

function checksumFlags(mode: 'failIfMissing' | 'record'): string[] {
  const process = 'aether.artifactResolver.postProcessor.trustedChecksums';
  const source = 'aether.trustedChecksumsSource.summaryFile';
  return [
    `-D${process}=true`,
    `-D${process}.checksumAlgorithms=SHA-256`,
    `-D${process}.${mode}=true`,
    `-D${source}=true`,
    `-D${source}.basedir=${path.join(folder, 'checksums')}`,
    // The same file serves whoever has a mirror of their own.
    `-D${source}.originAware=false`,
  ];
}

/** @returns The path of Maven 3.9's own launcher. */
async function fetchMaven(place: Place, repository: string, report: Report): Promise<string> {
  const target = path.join(place.cacheDir, `maven-${MAVEN.version}`);
  const launcher = path.join(target, `apache-maven-${MAVEN.version}`, 'bin', 'mvn');
  if (existsSync(launcher)) return launcher;
  const system = whichSync('mvn', place.env);
  if (!system) {
    throw new SetUpFailed(
      'Kafka, Spark and Elasticsearch are downloaded by Maven: no mvn on PATH (on Debian and Ubuntu: apt-get install maven)',
    );
  }
  report('downloading Maven', COLD.seconds + 5);
  const half = `${target}.half`;
  rmSync(half, { recursive: true, force: true });
  await runMaven(place, system, 'Maven, to fetch a newer Maven', [
    `-Dmaven.repo.local=${repository}`,
    `${PLUGIN}:unpack`,
    `-Dartifact=org.apache.maven:apache-maven:${MAVEN.version}:zip:bin`,
    `-DoutputDirectory=${half}`,
  ]);
  const zip = `org/apache/maven/apache-maven/${MAVEN.version}/apache-maven-${MAVEN.version}-bin.zip`;
  checkSum(path.join(repository, zip));
  renameSync(half, target);
  return launcher;
}

/** Nothing of the archive has run so far. */
function checkSum(zip: string): void {
  const got = createHash('sha512').update(readFileSync(zip)).digest('hex');
  if (got === MAVEN.sha512) return;
  rmSync(zip);
  throw new SetUpFailed(
    `${zip}: expected SHA-512 ${MAVEN.sha512}, got ${got}; the file was removed, try again`,
  );
}

async function runMaven(
  place: Place,
  launcher: string,
  what: string,
  args: readonly string[],
  onLine: (line: string) => void = () => undefined,
): Promise<void> {
  const java = await findJava(place.env);
  // Outside a project the plug-in leaves notes of what it unpacked in the working folder; a note of an
  // interrupted run would make the next one unpack nothing.
  const notes = mkdtempSync(path.join(place.cacheDir, 'maven-work-'));
  const child = spawn(launcher, ['-B', ...args], {
    cwd: notes,
    env: { ...place.env, JAVA_HOME: java.home },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: place.signal,
  });
  const errors: string[] = [];
  const read = (stream: NodeJS.ReadableStream) =>
    createInterface({ input: stream }).on('line', (line) => {
      if (/^\[(ERROR|FATAL)\]/.test(line)) errors.push(line);
      onLine(line);
    });
  read(child.stdout);
  read(child.stderr);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => rmSync(notes, { recursive: true, force: true }));
  if (code === 0) return;
  const said = errors.slice(0, 6).map((line) => `  ${line.slice(0, 400)}`);
  throw new SetUpFailed(
    [`${what} failed (exit code ${code}):`, ...said, 'Try again: what is downloaded stays.'].join('\n'),
  );
}
