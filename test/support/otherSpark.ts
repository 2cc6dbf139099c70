/** What answers to Spark Connect's question for its version, and to nothing else. */
import { createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { SparkConnectService } from '../../clients/spark/gen/spark/connect/base_pb.js';

/** @param use is given the address of a server that says it is of this version */
export async function withSparkOfVersion(
  version: string,
  use: (remote: string) => Promise<void>,
): Promise<void> {
  const sessions = new Set<Http2Session>();
  const server = createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(SparkConnectService, {
          analyzePlan: ({ sessionId }) => ({
            sessionId,
            serverSideSessionId: 'other',
            result: { case: 'sparkVersion', value: { version } },
          }),
        }),
    }),
  );
  server.on('session', (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`sc://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const session of sessions) session.destroy();
    server.close();
  }
}
