/** Spark as one process or as a cluster of several. */
import { readServersFile } from './serversFile.js';
import { sparkConnect } from './spark.js';
import { sparkKind, startSparkCluster } from './sparkCluster.js';
import { startServer, type StartContext } from './startServer.js';
import { stopServer } from './stopServer.js';

export const SPARK_KINDS = ['local', 'cluster'] as const;
export type SparkKind = (typeof SPARK_KINDS)[number];

/** @param wanted absent: what was brought up last and not stopped since, else local. Another kind takes its place. */
export async function startSpark(
  context: StartContext,
  wanted: SparkKind | undefined,
): Promise<'running' | 'started'> {
  const before = sparkKind(readServersFile(context.stateDir));
  const kind = wanted ?? before ?? 'local';
  if (before !== undefined && before !== kind) {
    const what = `stopping the ${before} one`;
    await stopServer(context.stateDir, sparkConnect(), () =>
      context.report({ server: 'spark', state: 'working', what }),
    );
  }
  return kind === 'cluster' ? startSparkCluster(context) : startServer(sparkConnect(), context);
}
