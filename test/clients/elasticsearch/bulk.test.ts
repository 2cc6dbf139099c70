import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  clicksInDocuments,
  ensureIndices,
  IndexGone,
  openElasticsearch,
  refresh,
  type GrainIndex,
} from '../../../clients/elasticsearch/index.js';
import { ServerRefused, ServerUnavailable } from '../../../domain/errors.js';
import { writeAlias } from '../../../domain/names.js';
import { faultyElasticsearch, type Fault, type Seen } from '../../support/faultyElasticsearch.js';
import { testName } from '../../support/names.js';
import { hexId, sendChanges, type Change } from '../../support/changes.js';
import { testInstallation, type TestInstallation } from './installation.js';

const changes = (n: number): Change[] =>
  Array.from({ length: n }, (_, i) => ({
    id: hexId(`id${i}`),
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

describe('sendBulk', () => {
  let t: TestInstallation;
  const name = testName('index_bulk');
  let target: GrainIndex;

  before(async () => {
    t = await testInstallation(name);
    const [made] = await ensureIndices(t.elasticsearch, name, undefined, ['total']);
    assert.ok(made);
    target = made;
  });
  after(() => t.drop());

  const through = async (
    rule: (request: Seen) => Fault | undefined,
    sent: readonly Change[],
    options: { patienceMs: number; requestBytes?: number },
  ) => {
    const proxy = await faultyElasticsearch(t.servers.elasticsearch.url, rule);
    const client = openElasticsearch({ elasticsearch: { url: proxy.url } });
    try {
      return await sendChanges(client, target, sent, options);
    } finally {
      await client.close();
      proxy.close();
    }
  };

  it('halves what is too large for the server, and rejects only what is too large alone', async () => {
    const big = changes(40);
    const giant = { ...big[17], document: { ...big[17]?.document, url: `/${'g'.repeat(10_000)}` } } as Change;
    big[17] = giant;
    const sent = await through(({ bytes }) => (bytes > 3_000 ? { status: 413 } : undefined), big, {
      patienceMs: 5_000,
    });
    assert.equal(sent.indexed, 39);
    assert.deepEqual(
      sent.rejected.map(({ id, status }) => ({ id, status })),
      [{ id: hexId('id17'), status: 413 }],
    );
  });

  it('sends again what found the server overloaded or a proxy without it', async () => {
    const statuses = [429, 503, 502, 504];
    const answered = ({ nth }: Seen): Fault | undefined => {
      const status = statuses[nth - 1];
      return status === undefined ? undefined : { status };
    };
    const sent = await through(answered, changes(50), {
      patienceMs: 5_000,
      requestBytes: 2_000,
    });
    assert.equal(sent.indexed + sent.stale, 50);
    await refresh(t.elasticsearch, [target.index]);
    assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 50);
  });

  it('gives up after its patience with the last reason, to be retried', async () => {
    const giveUp = through(() => ({ status: 429 }), changes(3), { patienceMs: 300 });
    await assert.rejects(giveUp, (e) => e instanceof ServerUnavailable && /429.*by the test/.test(e.message));
  });

  it('does not retry a refusal', async () => {
    for (const status of [401, 403]) {
      await assert.rejects(
        through(() => ({ status }), changes(3), { patienceMs: 5_000 }),
        ServerRefused,
      );
    }
  });

  it('says that the index is gone, for documents and deletes alike, and creates none', async () => {
    const index = `${name}-metrics-total-99`;
    for (const one of [changes(1), [{ id: hexId('x'), version: '2' }]]) {
      await assert.rejects(sendChanges(t.elasticsearch, { index }, one, { patienceMs: 1_000 }), IndexGone);
    }
    assert.equal(await t.elasticsearch.indices.exists({ index: writeAlias(index) }), false);
  });

  it('counts an equal version as stale and a delete of nothing as done', async () => {
    const again = await sendChanges(t.elasticsearch, target, changes(2), { patienceMs: 1_000 });
    assert.deepEqual(again, { indexed: 0, deleted: 0, stale: 2, rejected: [] });
    const gone = await sendChanges(t.elasticsearch, target, [{ id: hexId('never'), version: '5' }], {
      patienceMs: 1_000,
    });
    assert.equal(gone.deleted, 1);
  });
});
