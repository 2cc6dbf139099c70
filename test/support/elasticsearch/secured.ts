/** An Elasticsearch of a test's own with security: TLS, users, roles, API keys. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@elastic/elasticsearch';
import { elasticsearch } from '../../../infra/elasticsearch.js';
import { cacheFolder } from '../../../infra/folders.mjs';
import type { Place } from '../../../infra/model.js';
import { choosePorts, LOOPBACK, PortClaims } from '../../../infra/ports.js';
import { isAlive, launch, logTail, terminate } from '../../../infra/processes.js';
import { ownedFolder } from '../../../infra/user.js';
import { makeCertificates } from '../certificates.js';
import { ROOT } from '../cli.js';
import { killGroup, whenEnded } from '../ending.js';

export interface SecuredElasticsearch {
  readonly url: string;
  /** PEM file of the authority that signed its certificate. */
  readonly authority: string;
  /** May do everything. */
  readonly admin: Client;
  /** An API key with these rights alone, encoded as `ELASTICSEARCH_API_KEY` takes it. */
  keyOf(role: object): Promise<string>;
  stop(): Promise<void>;
}

type Program = Awaited<ReturnType<typeof elasticsearch.prepare>>;

/** Apart from those of other test processes at the same moment: a port that is free now may be taken soon. */
const BASE_PORT = 33_000 + (process.pid % 300) * 4;
const START_PATIENCE_MS = 180_000;
const SOURCE = path.join(ROOT, 'test/support/elasticsearch/AnalysisFilters.java');

/** The distribution with our plug-in, compiled once for each source and release. */
function withPlugin({ java, home }: Program, cacheDir: string): Program {
  const source = readFileSync(SOURCE);
  const release = path.basename(home).replace('elasticsearch-', '');
  const hash = createHash('sha256').update(source).update(home).digest('hex').slice(0, 12);
  const made = path.join(cacheDir, `elasticsearch-analysis-${hash}`);
  if (existsSync(made)) return { java, home: made };
  const half = mkdtempSync(`${made}-`);
  cpSync(home, half, { recursive: true });
  const plugin = path.join(half, 'plugins/analysis-filters');
  const classes = path.join(half, 'classes');
  const lib = path.join(home, 'lib');
  const jars = readdirSync(lib).filter((file) => file.endsWith('.jar'));
  mkdirSync(plugin, { recursive: true });
  execFileSync(
    java.file,
    [
      ...['-m', 'jdk.compiler/com.sun.tools.javac.Main', '--release', '17', '-proc:none'],
      ...['-cp', jars.map((file) => path.join(lib, file)).join(path.delimiter), '-d', classes, SOURCE],
    ],
    { stdio: 'pipe' },
  );
  const jar = ['--create', '--file', path.join(plugin, 'analysis-filters.jar'), '-C', classes, '.'];
  execFileSync(java.file, ['-m', 'jdk.jartool/sun.tools.jar.Main', ...jar], { stdio: 'pipe' });
  rmSync(classes, { recursive: true });
  const description = {
    name: 'analysis-filters',
    description: "the parts of the security index's analyzer",
    version: release,
    'elasticsearch.version': release,
    'java.version': '17',
    classname: 'clickstream.test.AnalysisFilters',
  };
  const lines = Object.entries(description).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(path.join(plugin, 'plugin-descriptor.properties'), lines.join(''));
  execFileSync('chmod', ['-R', 'a+rX', half]);
  try {
    renameSync(half, made);
  } catch (error) {
    // Another test process was first.
    rmSync(half, { recursive: true, force: true });
    if (!existsSync(made)) throw error;
  }
  return { java, home: made };
}

function secure(config: string, password: string): string {
  const certificates = makeCertificates(config);
  const file = path.join(config, 'elasticsearch.yml');
  const kept = readFileSync(file, 'utf8').replace(/^xpack\..*\n/gm, '');
  const settings = {
    'xpack.security.enabled': true,
    'xpack.security.http.ssl.enabled': true,
    'xpack.security.http.ssl.key': certificates.key,
    'xpack.security.http.ssl.certificate': certificates.certificate,
  };
  writeFileSync(
    file,
    kept +
      Object.entries(settings)
        .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
        .join(''),
  );
  const hash = createHash('sha1').update(password).digest('base64');
  writeFileSync(path.join(config, 'users'), `admin:{SHA}${hash}\n`);
  writeFileSync(path.join(config, 'users_roles'), 'superuser:admin\n');
  return certificates.authority;
}

/** Starts it; `stop` ends it and leaves nothing behind. */
export async function startSecuredElasticsearch(): Promise<SecuredElasticsearch & { stop(): Promise<void> }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'elasticsearch-secured-'));
  const dir = path.join(folder, 'elasticsearch');
  const signal = new AbortController().signal;
  const place: Place = { cacheDir: cacheFolder(process.env), dir, env: process.env, signal };
  const password = randomBytes(12).toString('hex');
  const plain = await elasticsearch.prepare(place, () => undefined);
  const program = withPlugin(plain, place.cacheDir);
  const claims = new PortClaims(path.join(folder, 'ports'));
  const ports = await choosePorts({ main: BASE_PORT, transport: BASE_PORT + 2 }, undefined, claims);
  const command = await elasticsearch.configure(place, program, ports);
  const authorityThere = secure(path.join(dir, 'config'), password);
  const authority = path.join(folder, 'ca.pem');
  copyFileSync(authorityThere, authority);
  ownedFolder(dir);
  const log = path.join(folder, 'elasticsearch.log');
  const running = await launch(command, log);
  const ended = whenEnded(() => killGroup(running.pid));
  const url = `https://${LOOPBACK}:${ports.main}`;
  const admin = new Client({
    node: url,
    auth: { username: 'admin', password },
    tls: { ca: readFileSync(authority, 'utf8') },
    maxRetries: 0,
  });
  const stop = async (): Promise<void> => {
    await admin.close();
    await terminate(running, 'SIGTERM', 20_000);
    ended();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const began = Date.now(); !(await isReady(admin)); await sleep(200)) {
      if (!isAlive(running) || Date.now() - began > START_PATIENCE_MS)
        throw new Error(`Elasticsearch does not answer; the end of its log:\n${logTail(log, 30)}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    authority,
    admin,
    async keyOf(role) {
      const name = `key-${randomBytes(4).toString('hex')}`;
      const role_descriptors = { role } as Record<string, object>;
      return (await admin.security.createApiKey({ name, role_descriptors })).encoded;
    },
    stop,
  };
}

const isReady = (admin: Client): Promise<boolean> =>
  admin.cluster.health({ wait_for_status: 'yellow', timeout: '1s' }).then(
    ({ timed_out }) => !timed_out,
    () => false,
  );
