/** Spark Connect: one long-lived driver that is its own cluster (local mode). */
import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findJava, type Java } from './java.js';
import { fetchJavaServers } from './maven.js';
import type { Place, Ports, ServerDefinition } from './model.js';
import { LOOPBACK, answers } from './ports.js';
import { SERVICE, serviceFilePath } from './serviceFile.js';

interface Program {
  readonly java: Java;
  readonly jars: string;
}

export const spark: ServerDefinition<'spark', Program> = {
  name: 'spark',
  usualPorts: { main: 15002 },
  startSeconds: 10,
  stopSignal: 'SIGTERM',
  async prepare(place, report) {
    const java = await findJava(place.env);
    const { jars } = await fetchJavaServers(place, report);
    return { java, jars };
  },
  configure(place, { java, jars }, ports) {
    mkdirSync(path.join(place.dir, 'tmp'), { recursive: true });
    return Promise.resolve({
      file: java.file,
      args: [...JVM_OPTIONS, '-cp', path.join(jars, '*'), ...submit(place, ports)],
      cwd: place.dir,
      env: {
        ...place.env,
        SPARK_LOCAL_IP: LOOPBACK,
        // Read by the JDBC driver at each connection: PostgreSQL's password stays out of addresses and plans.
        PGSERVICEFILE: serviceFilePath(path.dirname(place.dir)),
      },
    });
  },
  isReady: (_place, _program, ports) => answers(ports.main),
  addresses: (_place, ports) => ({
    remote: `sc://${LOOPBACK}:${ports.main}`,
    jdbcUrl: `jdbc:postgresql:///?service=${SERVICE}`,
  }),
};

/** What Spark's own launcher passes to a JVM of 17 or later (JavaModuleOptions), less the incubating module. */
const OPENED = [
  'java.base/java.lang',
  'java.base/java.lang.invoke',
  'java.base/java.lang.reflect',
  'java.base/java.io',
  'java.base/java.net',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/jdk.internal.ref',
  'java.base/sun.nio.ch',
  'java.base/sun.nio.cs',
  'java.base/sun.security.action',
  'java.base/sun.util.calendar',
  'java.security.jgss/sun.security.krb5',
];
const JVM_OPTIONS = [
  '-Xmx1g',
  '-Duser.timezone=UTC',
  '-Djava.awt.headless=true',
  '-XX:+IgnoreUnrecognizedVMOptions',
  ...OPENED.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
  '-Dio.netty.tryReflectionSetAccessible=true',
  '-Dio.netty.allocator.type=pooled',
  '-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE',
  '--sun-misc-unsafe-memory-access=allow',
  '--enable-native-access=ALL-UNNAMED',
];

function submit(place: Place, ports: Ports): string[] {
  const settings = {
    'spark.connect.grpc.binding.address': LOOPBACK,
    'spark.connect.grpc.binding.port': ports.main,
    'spark.driver.host': LOOPBACK,
    'spark.driver.bindAddress': LOOPBACK,
    'spark.ui.enabled': false,
    'spark.sql.session.timeZone': 'UTC',
    'spark.local.dir': path.join(place.dir, 'tmp'),
    'spark.sql.warehouse.dir': path.join(place.dir, 'warehouse'),
  };
  return [
    'org.apache.spark.deploy.SparkSubmit',
    '--class',
    'org.apache.spark.sql.connect.service.SparkConnectServer',
    '--master',
    `local[${Math.max(2, os.availableParallelism())}]`,
    '--name',
    'clickstream',
    '--driver-memory',
    '1g',
    ...Object.entries(settings).flatMap(([name, value]) => ['--conf', `${name}=${value}`]),
    'spark-internal',
  ];
}
