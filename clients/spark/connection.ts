import { Code, ConnectError, createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { Http2SessionManager, createGrpcTransport } from '@connectrpc/connect-node';
import { SparkConnectService } from './gen/spark/connect/base_pb.js';
import type { SparkRemote } from './remote.js';

export type SparkRpc = Client<typeof SparkConnectService>;

/** How long the client waits before it takes a silence for an end. */
export interface SparkPatience {
  /** For the answer of a short call, ms; default 30,000. */
  readonly unaryMs: number;
  /** For the next word of a running query before the server is asked whether it is there, ms; default 15,000. */
  readonly silenceMs: number;
  /** For the answer to that question, ms; default 10,000. Without one the connection is given up for another. */
  readonly probeMs: number;
}

export const PATIENCE: SparkPatience = { unaryMs: 30_000, silenceMs: 15_000, probeMs: 10_000 };

const MAX_MESSAGE_BYTES = 0x7fffffff;
/**
 * How much of a result may be under way to a slow reader, besides the one message that it reads. The default of 64 KiB
 * a round trip is 13 MB/s over a network with 5 ms.
 */
const WINDOW_BYTES = 1 << 20;
/** TCP's own sign of life, which keeps an idle connection in the tables of firewalls; gRPC servers forbid pings as often. */
const TCP_KEEP_ALIVE_MS = 30_000;
/**
 * A connection that was silent for so long is tried by a ping before the next call; where no answer comes, another is
 * opened. A running query is silent for as long only if the probe of its silence has gone out before.
 */
const UNTRIED_MS = 20_000;
const PING_MS = 5_000;

export interface SparkConnection {
  readonly rpc: SparkRpc;
  /** Gives the present connection up, with all that runs on it; the next call opens another. */
  readonly reset: () => void;
  readonly close: () => void;
}

/** One HTTP/2 connection, opened by the first call and again after each loss. */
export function connectTo(remote: SparkRemote): SparkConnection {
  const addHeaders: Interceptor = (next) => (request) => {
    if (remote.token !== undefined) request.header.set('authorization', `Bearer ${remote.token}`);
    for (const [name, value] of Object.entries(remote.headers)) request.header.set(name, value);
    return next(request);
  };
  // Ours to close: connect keeps an idle connection for 15 min, and with it the process.
  const sessionManager = new Http2SessionManager(
    remote.baseUrl,
    { pingIntervalMs: UNTRIED_MS, pingTimeoutMs: PING_MS },
    {
      settings: { initialWindowSize: WINDOW_BYTES },
      // These two reach net.connect and tls.connect.
      ...{ keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS },
    },
  );
  const transport = createGrpcTransport({
    baseUrl: remote.baseUrl,
    sessionManager,
    interceptors: [addHeaders],
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
  });
  return {
    rpc: createClient(SparkConnectService, transport),
    reset: () => sessionManager.abort(new ConnectError('the connection went silent', Code.Unavailable)),
    close: () => sessionManager.abort(),
  };
}
