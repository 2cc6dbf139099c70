/** Spark Connect: one long-lived driver, which is its own cluster (local mode) or has one of several processes. */
import os from 'node:os';
import path from 'node:path';
import type { Place, Ports, ServerDefinition } from './model.js';
import { LOOPBACK, answers } from './ports.js';
import { SERVICE } from './serviceFile.js';
import { prepareSpark, sparkCommand, type SparkProgram } from './sparkJvm.js';

/** A cluster's addresses, and what the driver asks of it. */
export interface SparkCluster {
  /** `spark://host:port` */
  readonly master: string;
  /** The master's web page. */
  readonly ui: string;
  readonly workers: number;
  readonly executorMemory: string;
}

/** @param cluster absent: local mode */
export const sparkConnect = (cluster?: SparkCluster): ServerDefinition<'spark', SparkProgram> => ({
  name: 'spark',
  usualPorts: { main: 15002 },
  startSeconds: 10,
  stopSignal: 'SIGTERM',
  prepare: prepareSpark,
  configure: (place, program, ports) =>
    Promise.resolve(sparkCommand(place, program, DRIVER_HEAP, submit(place, ports, cluster))),
  isReady: (_place, _program, ports) => answers(ports.main),
  addresses: (_place, ports) => ({
    remote: `sc://${LOOPBACK}:${ports.main}`,
    jdbcUrl: `jdbc:postgresql:///?service=${SERVICE}`,
    ...(cluster && { cluster: { master: cluster.master, ui: cluster.ui, workers: cluster.workers } }),
  }),
});

const DRIVER_HEAP = '1g';

function submit(place: Place, ports: Ports, cluster: SparkCluster | undefined): string[] {
  const settings = {
    'spark.connect.grpc.binding.address': LOOPBACK,
    'spark.connect.grpc.binding.port': ports.main,
    'spark.driver.host': LOOPBACK,
    'spark.driver.bindAddress': LOOPBACK,
    'spark.ui.enabled': false,
    'spark.sql.session.timeZone': 'UTC',
    'spark.sql.warehouse.dir': path.join(place.dir, 'warehouse'),
    ...(cluster && {
      'spark.executor.cores': 1,
      'spark.executor.memory': cluster.executorMemory,
      'spark.executor.extraJavaOptions': '-Duser.timezone=UTC -XX:+UseSerialGC',
    }),
  };
  return [
    'org.apache.spark.deploy.SparkSubmit',
    '--class',
    'org.apache.spark.sql.connect.service.SparkConnectServer',
    '--master',
    cluster?.master ?? `local[${Math.max(2, os.availableParallelism())}]`,
    '--name',
    'clickstream',
    '--driver-memory',
    DRIVER_HEAP,
    ...Object.entries(settings).flatMap(([name, value]) => ['--conf', `${name}=${value}`]),
    'spark-internal',
  ];
}
