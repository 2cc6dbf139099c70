/** Kafka: one broker that is its own controller (KRaft). */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { findJava, type Java } from './java.js';
import { fetchJavaServers } from './maven.js';
import type { Place, Ports, ServerDefinition } from './model.js';
import { LOOPBACK } from './ports.js';

interface Program {
  readonly java: Java;
  readonly jars: string;
}

export const kafka: ServerDefinition<'kafka', Program> = {
  name: 'kafka',
  usualPorts: { main: 9092, controller: 9093 },
  startSeconds: 5,
  stopSignal: 'SIGTERM',
  async prepare(place, report) {
    const java = await findJava(place.env);
    const { jars } = await fetchJavaServers(place, report);
    return { java, jars };
  },
  async configure(place, { java, jars }, ports) {
    mkdirSync(place.dir, { recursive: true, mode: 0o700 });
    const properties = path.join(place.dir, 'server.properties');
    const logging = path.join(place.dir, 'log4j2.properties');
    writeFileSync(properties, serverProperties(place, ports));
    writeFileSync(logging, LOGGING);
    const classPath = path.join(jars, '*');
    if (!existsSync(path.join(dataFolder(place), 'meta.properties'))) {
      const format = [
        '-cp',
        classPath,
        'kafka.tools.StorageTool',
        'format',
        '-t',
        clusterId(),
        '-c',
        properties,
      ];
      await promisify(execFile)(java.file, format, { signal: place.signal });
    }
    return {
      file: java.file,
      args: [
        '-Xmx512m',
        `-Dlog4j2.configurationFile=${logging}`,
        // Two JVMs and two Node processes share a small machine: start quickly, take few threads.
        '-XX:+UseSerialGC',
        '-Djava.awt.headless=true',
        '-cp',
        classPath,
        'kafka.Kafka',
        properties,
      ],
      cwd: place.dir,
      env: place.env,
    };
  },
  isReady: (_place, _program, ports) => answersApiVersions(ports.main),
  addresses: (_place, ports) => ({ brokers: [`${LOOPBACK}:${ports.main}`] }),
};

const dataFolder = (place: Place): string => path.join(place.dir, 'data');

/** Kafka's own form: 16 bytes, base64 of the URL alphabet; a leading dash would look like an option. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? clusterId() : id;
}

function serverProperties(place: Place, ports: Ports): string {
  const settings: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${LOOPBACK}:${ports['controller']}`,
    listeners: `PLAINTEXT://${LOOPBACK}:${ports.main},CONTROLLER://${LOOPBACK}:${ports['controller']}`,
    'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${ports.main}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': dataFolder(place),
    // One broker: an internal topic that wants three replicas would never be made.
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    // A mistyped topic is an error, not a new topic.
    'auto.create.topics.enable': false,
    // Old events carry old timestamps, and retention by time would drop them; bounded by size instead.
    'log.retention.ms': -1,
    'log.retention.bytes': 2 * 1024 ** 3,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Without a configuration Kafka says nothing, not even why it ends. */
const LOGGING = `rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n%ex{short}
`;

/** An open port is not yet a broker: asks which API versions it speaks, and takes any answer. */
function answersApiVersions(port: number): Promise<boolean> {
  const API_VERSIONS = 18;
  const clientId = Buffer.from('clickstream');
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + clientId.length);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(API_VERSIONS, 4);
  request.writeInt16BE(clientId.length, 12);
  clientId.copy(request, 14);
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: LOOPBACK, timeout: 1_000 }, () => socket.write(request));
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('close', () => resolve(false));
    socket.once('error', () => done(false));
  });
}
