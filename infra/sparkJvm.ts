/** What all processes of Spark have in common: the jars, the options of the JVM, the environment. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { findJava, type Java } from './java.js';
import { fetchJavaServers } from './maven.js';
import type { Command, Place, Report } from './model.js';
import { LOOPBACK } from './ports.js';
import { serviceFilePath } from './serviceFile.js';

export interface SparkProgram {
  readonly java: Java;
  readonly jars: string;
}

export async function prepareSpark(place: Place, report: Report): Promise<SparkProgram> {
  const java = await findJava(place.env);
  const { jars } = await fetchJavaServers(place, report);
  return { java, jars };
}

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
  // Whichever thread meets it dies of it: a driver without its SparkContext goes on to answer, and works no more.
  '-XX:+ExitOnOutOfMemoryError',
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

/**
 * A JVM with all of Spark on its class path.
 * @param heap as in `1g`
 * @param args the main class and what follows it
 */
export function sparkCommand(
  place: Place,
  { java, jars }: SparkProgram,
  heap: string,
  args: readonly string[],
): Command {
  const conf = path.join(place.dir, 'conf');
  mkdirSync(conf, { recursive: true });
  mkdirSync(scratch(place), { recursive: true });
  // Settings of another Spark that this user works with are not meant for ours.
  const env = Object.fromEntries(Object.entries(place.env).filter(([name]) => !name.startsWith('SPARK_')));
  return {
    file: java.file,
    args: [`-Xmx${heap}`, ...JVM_OPTIONS, '-cp', path.join(jars, '*'), ...args],
    cwd: place.dir,
    env: {
      ...env,
      JAVA_HOME: java.home,
      // A worker makes an executor's class path of $SPARK_HOME/jars.
      SPARK_HOME: path.dirname(jars),
      SPARK_SCALA_VERSION: '2.13',
      SPARK_CONF_DIR: conf,
      SPARK_LOCAL_DIRS: scratch(place),
      // Web pages listen on all addresses unless this says otherwise.
      SPARK_LOCAL_IP: LOOPBACK,
      SPARK_LOCAL_HOSTNAME: LOOPBACK,
      // Read by the JDBC driver at each connection, in the driver and, by way of its worker, in each executor:
      // PostgreSQL's password stays out of addresses and plans.
      PGSERVICEFILE: serviceFilePath(path.dirname(place.dir)),
    },
  };
}

/** Where shuffles and downloads of Spark lie. */
export const scratch = (place: Place): string => path.join(place.dir, 'tmp');
