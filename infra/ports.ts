/** Ports on loopback: who has them, and which to take. */
import net from 'node:net';
import path from 'node:path';
import { tryLock } from './lock.mjs';
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
 * Ports promised to servers that do not listen yet, seen by every `up` of this machine that shares the folder: two that
 * start at once would else find the same port free, and the one that comes too late would take the other's server,
 * which answers there, for its own.
 */
export class PortClaims {
  private readonly held = new Map<number, () => void>();

  constructor(private readonly folder: string) {}

  /** @returns Whether the port is free and now ours. */
  async take(port: number): Promise<boolean> {
    const giveBack = tryLock(path.join(this.folder, String(port)));
    if (giveBack === undefined) return false;
    if (await isFree(port)) {
      this.held.set(port, giveBack);
      return true;
    }
    giveBack();
    return false;
  }

  /** When the servers listen themselves, or never will. */
  giveBack(): void {
    for (const giveBack of this.held.values()) giveBack();
    this.held.clear();
  }
}

/** For each role the port of last time, else the usual one, else the next free one above it. */
export async function choosePorts(usual: Ports, last: Ports | undefined, claims: PortClaims): Promise<Ports> {
  const chosen: Record<string, number> = {};
  for (const [role, port] of Object.entries(usual)) {
    const before = last?.[role];
    chosen[role] =
      before !== undefined && (await claims.take(before)) ? before : await nextFree(port, claims);
  }
  return chosen as Ports;
}

async function nextFree(from: number, claims: PortClaims): Promise<number> {
  for (let port = from; port <= HIGHEST; port += 1) {
    if (await claims.take(port)) return port;
  }
  throw new Error(`no free port at or above ${from} on ${LOOPBACK}`);
}
