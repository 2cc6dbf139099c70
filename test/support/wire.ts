/** A way to a server that can fall silent without breaking, or be cut. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Wire {
  readonly port: number;
  /** The server's URL by this way. */
  readonly url: string;
  /** Whoever is connected hears nothing more, and nothing ends. */
  fallSilent(): void;
  /** From then on nobody gets through it. */
  cut(): Promise<void>;
}

/** @param to any URL with host and port */
export async function openWire(to: string): Promise<Wire> {
  const { hostname, port } = new URL(to);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => into.write(bytes));
      from.on('error', () => into.destroy());
      from.on('close', () => {
        sockets.delete(from);
        into.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = new URL(to);
  near.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    port: Number(near.port),
    url: near.href,
    fallSilent() {
      for (const socket of sockets) socket.pause();
    },
    async cut() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
