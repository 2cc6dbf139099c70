import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  clicksInDocuments,
  ensureIndices,
  IndexGone,
  openElasticsearch,
  refresh,
  sendChanges,
} from '../../../clients/elasticsearch/index.js';
import { ServerRefused, ServerUnavailable } from '../../../domain/errors.js';
import type { Change } from '../../../domain/figure.js';
import { writeAlias } from '../../../domain/names.js';
import { testInstallation, type TestInstallation } from './installation.js';

const changes = (n: number): Change[] =>
  Array.from({ length: n }, (_, i) => ({
    id: `id${i}`,
    version: '1',
    document: {
      grain: 'total',
      windowStart: null,
      url: `/p/${i}`,
      country: 'ZZ',
      clickCount: '1',
      botClicks: '0',
      uniqueUsers: '1',
      uniqueUsersExact: true,
      timedClicks: '0',
      totalTimeSpentMs: '0',
      avgTimeSpentMs: null,
      medianTimeSpentMs: null,
      p90TimeSpentMs: null,
      version: '1',
    },
  }));

/** A proxy in front of the real server that answers some requests itself. */
async function proxied<T>(
  target: string,
  intercept: (request: { bytes: number; count: number }) => number | undefined,
  use: (url: string) => Promise<T>,
): Promise<T> {
  let count = 0;
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      count += 1;
      const status = intercept({ bytes: body.length, count });
      if (status !== undefined) {
        response.writeHead(status, {
          'x-elastic-product': 'Elasticsearch',
          'content-type': 'application/json',
        });
        response.end('{"error":{"type":"intercepted","reason":"by the test"}}');
        return;
      }
      const headers = {
        accept: request.headers.accept ?? '*/*',
        'content-type': request.headers['content-type'] ?? 'application/json',
      };
      fetch(`${target}${request.url ?? ''}`, { method: request.method ?? 'GET', headers, body })
        .then(async (answer) => {
          response.writeHead(answer.status, {
            'x-elastic-product': 'Elasticsearch',
            'content-type': answer.headers.get('content-type') ?? '',
          });
          response.end(Buffer.from(await answer.arrayBuffer()));
        })
        .catch((e: unknown) => response.destroy(e as Error));
    });
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('sendChanges', () => {
  let t: TestInstallation;
  let alias: string;
  const name = 'index_bulk_test';
  let target: string;

  before(async () => {
    t = await testInstallation(name);
    target = t.servers.elasticsearch.url;
    const [made] = await ensureIndices(t.elasticsearch, name, undefined, ['total']);
    alias = writeAlias(made?.index ?? '');
  });
  after(() => t.drop());

  const through = (
    intercept: Parameters<typeof proxied>[1],
    sent: readonly Change[],
    options: { patienceMs: number; chunkBytes?: number },
  ) =>
    proxied(target, intercept, async (url) => {
      const client = openElasticsearch({ elasticsearch: { url } });
      try {
        return await sendChanges(client, alias, sent, options);
      } finally {
        await client.close();
      }
    });

  it('halves what is too large for the server, and rejects only what is too large alone', async () => {
    const big = changes(40);
    const giant = { ...big[17], document: { ...big[17]?.document, url: `/${'g'.repeat(10_000)}` } } as Change;
    big[17] = giant;
    const sent = await through(({ bytes }) => (bytes > 3_000 ? 413 : undefined), big, { patienceMs: 5_000 });
    assert.equal(sent.indexed, 39);
    assert.deepEqual(
      sent.rejected.map(({ id, status }) => ({ id, status })),
      [{ id: 'id17', status: 413 }],
    );
  });

  it('sends again what found the server overloaded or a proxy without it', async () => {
    const statuses: Record<number, number> = { 1: 429, 2: 503, 3: 502, 4: 504 };
    const sent = await through(({ count }) => statuses[count], changes(50), {
      patienceMs: 5_000,
      chunkBytes: 2_000,
    });
    assert.equal(sent.indexed + sent.stale, 50);
    await refresh(t.elasticsearch, [alias]);
    assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 50);
  });

  it('gives up after its patience with the last reason, to be retried', async () => {
    const giveUp = through(() => 429, changes(3), { patienceMs: 300 });
    await assert.rejects(giveUp, (e) => e instanceof ServerUnavailable && /429.*by the test/.test(e.message));
  });

  it('does not retry a refusal', async () => {
    for (const status of [401, 403]) {
      await assert.rejects(
        through(() => status, changes(3), { patienceMs: 5_000 }),
        ServerRefused,
      );
    }
  });

  it('says that the index is gone, for documents and deletes alike, and creates none', async () => {
    const lost = writeAlias(`${name}-metrics-total-99`);
    for (const one of [changes(1), [{ id: 'x', version: '2' }]]) {
      await assert.rejects(sendChanges(t.elasticsearch, lost, one, { patienceMs: 1_000 }), IndexGone);
    }
    assert.equal(await t.elasticsearch.indices.exists({ index: lost }), false);
  });

  it('counts an equal version as stale and a delete of nothing as done', async () => {
    const again = await sendChanges(t.elasticsearch, alias, changes(2), { patienceMs: 1_000 });
    assert.deepEqual(again, { indexed: 0, deleted: 0, stale: 2, rejected: [] });
    const gone = await sendChanges(t.elasticsearch, alias, [{ id: 'never', version: '5' }], {
      patienceMs: 1_000,
    });
    assert.equal(gone.deleted, 1);
  });
});
