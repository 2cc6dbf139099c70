/** Elasticsearch: a single node, core features alone, no security, reachable from this machine only. */
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { findJava, type Java } from './java.js';
import { fetchJavaServers } from './maven.js';
import type { Place, Ports, ServerDefinition } from './model.js';
import { LOOPBACK } from './ports.js';
import { letThrough, ownedFolder } from './user.js';

interface Program {
  readonly java: Java;
  readonly home: string;
}

export const elasticsearch: ServerDefinition<'elasticsearch', Program> = {
  name: 'elasticsearch',
  usualPorts: { main: 9200, transport: 9300 },
  startSeconds: 20,
  stopSignal: 'SIGTERM',
  async prepare(place, report) {
    const java = await findJava(place.env);
    const { elasticsearch: home } = await fetchJavaServers(place, report);
    return { java, home };
  },
  configure(place, { java, home }, ports) {
    letThrough(place.cacheDir, 'CLICKSTREAM_CACHE_DIR');
    letThrough(path.dirname(place.dir), 'CLICKSTREAM_STATE_DIR');
    const folder = writeConfiguration(place, home, ports);
    // The whole tree last, so that what was just written belongs to the server's user too.
    ownedFolder(place.dir);
    return Promise.resolve({
      // By name, so that it runs from a file system mounted without execution rights too.
      file: '/bin/bash',
      args: [path.join(home, 'bin', 'elasticsearch')],
      cwd: place.dir,
      unprivileged: true,
      env: {
        ...place.env,
        HOME: place.dir,
        ES_JAVA_HOME: java.home,
        ES_PATH_CONF: folder,
        ES_TMPDIR: path.join(place.dir, 'tmp'),
        ES_JAVA_OPTS: '-Xms512m -Xmx512m',
      },
    });
  },
  isReady: (_place, _program, ports) => isYellow(ports.main),
  addresses: (_place, ports) => ({ url: `http://${LOOPBACK}:${ports.main}` }),
};

function writeConfiguration(place: Place, home: string, ports: Ports): string {
  const folder = path.join(place.dir, 'config');
  ownedFolder(path.join(place.dir, 'tmp'));
  if (!existsSync(folder)) {
    const half = `${folder}.half`;
    rmSync(half, { recursive: true, force: true });
    cpSync(path.join(home, 'config'), half, { recursive: true });
    cpSync(half, folder, { recursive: true });
    rmSync(half, { recursive: true, force: true });
  }
  const settings: Record<string, string | number | boolean> = {
    'cluster.name': 'clickstream',
    'node.name': 'clickstream',
    'path.data': path.join(place.dir, 'data'),
    'path.logs': path.join(place.dir, 'logs'),
    'network.host': LOOPBACK,
    'http.port': ports.main,
    'transport.port': ports['transport'] ?? 0,
    'discovery.type': 'single-node',
    'xpack.security.enabled': false,
    // A laptop's disk is often nine tenths full; that must not make the indexes read-only.
    'cluster.routing.allocation.disk.threshold_enabled': false,
  };
  // JSON's strings are YAML's too: a path may hold anything.
  const text = Object.entries(settings).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  writeFileSync(path.join(folder, 'elasticsearch.yml'), text.join(''));
  return folder;
}

/** Yellow: every primary shard can be read and written (replicas have no second node to go to). */
function isYellow(port: number): Promise<boolean> {
  const path = '/_cluster/health?wait_for_status=yellow&timeout=1s';
  return new Promise((resolve) => {
    const request = http.get({ host: LOOPBACK, port, path, timeout: 3_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
}
