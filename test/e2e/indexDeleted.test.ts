import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { parseServers } from '../../domain/config/servers.js';
import { GRAINS, readAlias, type Grain } from '../../domain/names.js';
import { withInstallation, type Status } from '../support/installation.js';

const EVENTS = Array.from({ length: 30 }, (_, i) =>
  JSON.stringify({
    event_id: `e${i}`,
    t: 1_700_000_000_000 + i * 600_000,
    ip: '192.0.2.1',
    url: `/page/${i % 7}`,
    user_agent: 'test',
  }),
).join('\n');

interface InStep extends Status {
  readonly index_in_step: boolean;
  readonly indices: readonly { readonly grain: Grain; readonly windows_out_of_step: number }[];
}

test('indices deleted by hand are told by status, verify and doctor, and rebuilt by the next run', async () => {
  const elasticsearch = openElasticsearch(parseServers(process.env));
  try {
    await withInstallation('index deleted', async (installation) => {
      const run = (args: readonly string[], env = {}) => installation.run(args, env);
      const inStep = async () => (await installation.json<InStep>(['status'])).index_in_step;
      await installation.worker();
      assert.equal((await installation.run(['produce', '-'], {}, `${EVENTS}\n`)).code, 0);
      assert.equal((await run(['pipeline'])).code, 0);
      assert.equal(await inStep(), true);
      assert.equal((await run(['verify', '--drained'])).code, 0);

      for (const grain of GRAINS) {
        const found = await elasticsearch.indices.get({ index: readAlias(installation.name, grain) });
        await elasticsearch.indices.delete({ index: Object.keys(found) });
      }
      const between = await installation.json<InStep>(['status']);
      assert.equal(between.index_in_step, false);
      assert.ok(between.indices.every((one) => one.windows_out_of_step > 0));
      const verified = await run(['verify']);
      assert.equal(verified.code, 1, verified.stderr);
      assert.match(verified.stdout, /✘ documents per day .* no index stands behind .*: the next run makes/);

      const examined = await run(['doctor']);
      assert.equal(examined.code, 1, examined.stdout + examined.stderr);
      assert.match(examined.stdout, /✘ Elasticsearch: no index stands behind .*-hour: the next run makes/);

      assert.doesNotMatch(examined.stdout, /:\/\/@/, 'an address without a user has no @');

      assert.equal((await run(['analyze'])).code, 0);
      assert.match(
        (await run(['doctor'])).stdout,
        /✔ Elasticsearch: 4 of 4 read aliases stand, each for one index/,
      );
      assert.equal(await inStep(), true);
      const after = await run(['verify', '--drained']);
      assert.equal(after.code, 0, after.stdout + after.stderr);

      // Down is not different.
      const down = await run(['verify'], { ELASTICSEARCH_URL: 'http://127.0.0.1:1' });
      assert.equal(down.code, 3, down.stdout + down.stderr);
      assert.match(down.stderr, /Elasticsearch does not answer/);
    });
  } finally {
    await elasticsearch.close();
  }
});
