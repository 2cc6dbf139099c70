/** Spark Connect: one long-lived driver, which is its own cluster (local mode) or has one of several processes. */
import os from 'node:os';
import path from 'node:path';
import { ConfigurationError } from '../domain/errors.js';
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
  configure: (place, program, ports) => {
    const heap = driverHeap(place.env);
    return Promise.resolve(sparkCommand(place, program, heap, submit(place, ports, heap, cluster)));
  },
  isReady: (_place, _program, ports) => answers(ports.main),
  addresses: (_place, ports) => ({
    remote: `sc://${LOOPBACK}:${ports.main}`,
    jdbcUrl: `jdbc:postgresql:///?service=${SERVICE}`,
    ...(cluster && { cluster: { master: cluster.master, ui: cluster.ui, workers: cluster.workers } }),
  }),
});

/** @throws ConfigurationError */
function driverHeap({ SPARK_DRIVER_MEMORY: wanted }: Place['env']): string {
  if (wanted === undefined || wanted === '') return '1g';
  if (!/^[1-9]\d*[mg]$/i.test(wanted))
    throw new ConfigurationError(
      `SPARK_DRIVER_MEMORY: expected megabytes or gigabytes such as 1500m or 2g, got ${JSON.stringify(wanted)}`,
    );
  return wanted;
}

function submit(place: Place, ports: Ports, heap: string, cluster: SparkCluster | undefined): string[] {
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
    heap,
    ...Object.entries(settings).flatMap(([name, value]) => ['--conf', `${name}=${value}`]),
    'spark-internal',
  ];
}
