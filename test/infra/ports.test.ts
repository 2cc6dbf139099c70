import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { choosePorts, isFree, PortClaims } from '../../infra/ports.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'clickstream-ports-'));
after(() => rmSync(folder, { recursive: true }));

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
    const { main } = await choosePorts({ main: taken.port }, undefined, new PortClaims(folder));
    assert.ok(main > taken.port, `expected a port above ${taken.port}, got ${main}`);
  } finally {
    taken.close();
  }
});

test('a server comes back on the port it had, even when its usual one is free again', async () => {
  const free = await listen();
  free.close();
  const ports = await choosePorts({ main: 40_001 }, { main: free.port }, new PortClaims(folder));
  assert.equal(ports.main, free.port);
});

test('two servers that start at once are never promised the same port', async () => {
  const claims = new PortClaims(folder);
  const chosen = await Promise.all(
    Array.from({ length: 5 }, () => choosePorts({ main: 41_000, other: 41_000 }, undefined, claims)),
  );
  const all = chosen.flatMap((ports) => Object.values(ports));
  assert.equal(new Set(all).size, 10);
});

test('two `up` that start at once with state folders of their own are never promised the same port', async () => {
  const [one, two] = [new PortClaims(folder), new PortClaims(folder)];
  const chosen = await Promise.all(
    [one, two].map((claims) => choosePorts({ main: 42_000, controller: 42_001 }, undefined, claims)),
  );
  assert.equal(new Set(chosen.flatMap((ports) => Object.values(ports))).size, 4);
  one.giveBack();
  const again = await choosePorts({ main: 42_000, controller: 42_001 }, undefined, new PortClaims(folder));
  assert.deepEqual(again, chosen[0], 'what was given back can be had again');
  two.giveBack();
});
