/** A way to a server that a test can cut, silence or slow down. */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TcpProxy {
  readonly port: number;
  /** How many connections came so far. */
  readonly connections: number;
  /** Bytes that came from the server so far. */
  readonly received: number;
  /** Ends every connection with a reset; later ones pass. */
  cut(): void;
  /** The present connections stay open and carry nothing any more, in either direction; later ones pass. */
  silence(): void;
  /** Each packet takes so long in each direction from now on, ms. */
  delay(ms: number): void;
  /** Refuses new connections until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  close(): void;
}

/** @param target `host:port` */
export async function startProxy(target: string): Promise<TcpProxy> {
  const { hostname, port: targetPort } = new URL(`http://${target}`);
  const sockets = new Set<Socket>();
  let connections = 0;
  let received = 0;
  let delayMs = 0;
  const listener = createServer((inner) => {
    connections += 1;
    const outer = connect(Number(targetPort), hostname);
    outer.on('data', (data) => (received += data.length));
    forward(inner, outer);
    forward(outer, inner);
  });
  const forward = (from: Socket, to: Socket): void => {
    sockets.add(from);
    let tail: Promise<void> = Promise.resolve();
    from.on('data', (data) => {
      // A peer that does not read holds the other one back.
      const pass = (): void => {
        if (!to.destroyed && !to.write(data)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      };
      if (delayMs === 0) return pass();
      const due = sleep(delayMs);
      tail = Promise.all([tail, due]).then(pass);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port,
    get connections() {
      return connections;
    },
    get received() {
      return received;
    },
    cut,
    silence() {
      for (const socket of sockets) {
        socket.removeAllListeners('data');
        socket.pause();
      }
    },
    delay: (ms) => (delayMs = ms),
    refuse: () => new Promise((resolve) => (listener.close(() => resolve()), cut())),
    accept: () => listen(port),
    close() {
      cut();
      listener.close();
    },
  };
}
