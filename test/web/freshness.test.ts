import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GRAINS } from '../../domain/names.js';
import { openFreshness } from '../../web/server/freshness.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';
import { index, reindex } from '../support/indexing.js';
import { testName } from '../support/names.js';

describe('how fresh the page says the figures are', () => {
  let t: TestInstallation;
  before(async () => {
    t = await testInstallation(testName('web freshness'));
    await t.postgres.pool.query('CREATE TABLE click_data (click_id bigint, event_time timestamptz)');
    const window = '2026-11-01T00:00:00Z';
    await t.put(
      1,
      GRAINS.map((grain) => ({ grain, url: '/a', ...(grain !== 'total' && { window }) })),
    );
  });
  after(() => t.drop());

  /** As a server says it that has just started. */
  async function inStep(): Promise<boolean> {
    const source = openFreshness(
      { config: t.config, servers: t.servers, file: 'none' },
      { client: t.elasticsearch, name: t.name },
    );
    try {
      for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
        const { index_in_step: answer } = await source.read();
        if (answer !== null) return answer;
        assert.ok(Date.now() < deadline, 'nothing is known');
      }
    } finally {
      await source.close();
    }
  }

  test('an index that a reindex replaced and keeps is not what is behind', async () => {
    await index(t);
    await reindex(t, 'total');
    await t.put(2, [{ url: '/b' }]);
    assert.equal(await inStep(), false);
    await index(t);
    assert.equal(await inStep(), true);
  });

  test('an index deleted by hand, or one put in its place, is not in step until a run has filled it', async () => {
    await index(t);
    assert.equal(await inStep(), true);

    const alias = `${t.name}-metrics-total`;
    const [total = ''] = Object.keys(await t.elasticsearch.indices.getAlias({ name: alias }));
    await t.elasticsearch.indices.delete({ index: total });
    assert.equal(await inStep(), false);
    await index(t);
    assert.equal(await inStep(), true);

    const foreign = `${alias}-99`;
    await t.elasticsearch.indices.create({ index: foreign });
    await t.elasticsearch.indices.updateAliases({
      actions: [{ remove: { index: `${alias}-*`, alias } }, { add: { index: foreign, alias } }],
    });
    assert.equal(await inStep(), false);
  });
});
