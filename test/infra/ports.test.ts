import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { choosePorts, isFree } from '../../infra/ports.js';

const listen = (): Promise<{ port: number; close: () => void }> =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      resolve({ port, close: () => server.close() });
    });
  });

test('a port that another process has is passed over for the next free one', async () => {
  const taken = await listen();
  try {
    assert.equal(await isFree(taken.port), false);
    const { main } = await choosePorts({ main: taken.port }, undefined, new Set());
    assert.ok(main > taken.port, `expected a port above ${taken.port}, got ${main}`);
  } finally {
    taken.close();
  }
});

test('a server comes back on the port it had, even when its usual one is free again', async () => {
  const free = await listen();
  free.close();
  const ports = await choosePorts({ main: 40_001 }, { main: free.port }, new Set());
  assert.equal(ports.main, free.port);
});

test('two servers that start at once are never promised the same port', async () => {
  const claimed = new Set<number>();
  const chosen = await Promise.all(
    Array.from({ length: 5 }, () => choosePorts({ main: 41_000, other: 41_000 }, undefined, claimed)),
  );
  const all = chosen.flatMap((ports) => Object.values(ports));
  assert.equal(new Set(all).size, 10);
});
