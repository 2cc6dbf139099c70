/** Ports on loopback: who has them, and which to take. */
import net from 'node:net';
import type { Ports } from './model.js';

export const LOOPBACK = '127.0.0.1';
const HIGHEST = 65_535;

/** Whether something accepts connections there. */
export function answers(port: number, host = LOOPBACK, patienceMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host, timeout: patienceMs });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}

/** Whether we could listen there now; a port in TIME_WAIT counts as free. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * For each role the port of last time, else the usual one, else the next free one above it.
 * @param claimed Ports promised to servers that do not listen yet; the chosen ones are added.
 */
export async function choosePorts(
  usual: Ports,
  last: Ports | undefined,
  claimed: Set<number>,
): Promise<Ports> {
  const chosen: Record<string, number> = {};
  for (const [role, port] of Object.entries(usual)) {
    const before = last?.[role];
    chosen[role] =
      before !== undefined && (await claim(before, claimed)) ? before : await nextFree(port, claimed);
  }
  return chosen as Ports;
}

async function nextFree(from: number, claimed: Set<number>): Promise<number> {
  for (let port = from; port <= HIGHEST; port += 1) {
    if (await claim(port, claimed)) return port;
  }
  throw new Error(`no free port at or above ${from} on ${LOOPBACK}`);
}

async function claim(port: number, claimed: Set<number>): Promise<boolean> {
  if (claimed.has(port)) return false;
  // Before the await: two servers choose at the same time.
  claimed.add(port);
  if (await isFree(port)) return true;
  claimed.delete(port);
  return false;
}
