/** Whether anybody listens at all: gRPC tries a port that is closed until its deadline, and does not say why. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** One try's time, ms. */
const LONGEST_TRY = 1_500;
const PAUSE = 250;
/** gRPC goes through these: a port that is closed to us may be open to them. */
const PROXIES = ['grpc_proxy', 'https_proxy', 'http_proxy'];

export const isRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';

/** Undefined: the connection stood, or it is not for us to say. */
const refusal = (host: string, port: number): Promise<Error | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: LONGEST_TRY });
    const end = (error?: Error): void => {
      socket.destroy();
      resolve(isRefused(error) ? error : undefined);
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end());
    socket.once('error', end);
  });

/**
 * Rejects with the connection's own error where it is refused again and again; says nothing of anything else.
 * @param patienceMs a server that is just starting gets so long
 */
export async function refuseClosed(address: string, patienceMs: number): Promise<void> {
  const [, host = '', port = ''] = /^\[?([^/]*?)\]?:(\d+)$/.exec(address) ?? [];
  if (host === '' || PROXIES.some((name) => process.env[name])) return;
  for (const deadline = Date.now() + patienceMs; ; await sleep(PAUSE)) {
    const error = await refusal(host, Number(port));
    if (error === undefined) return;
    if (Date.now() >= deadline) throw error;
  }
}
