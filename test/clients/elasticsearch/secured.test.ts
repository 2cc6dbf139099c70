/** The rights of docs/operation.md, read out of that page, on a server with security. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { collectStatus } from '../../../cli/status/collect.js';
import { clicksInDocuments, openElasticsearch, searchFigures } from '../../../clients/elasticsearch/index.js';
import { GRAINS } from '../../../domain/names.js';
import { parseServers } from '../../../domain/config/servers.js';
import { probeElasticsearch } from '../../../clients/probe/index.js';
import { cli, ROOT } from '../../support/cli.js';
import { startSecuredElasticsearch, type SecuredElasticsearch } from '../../support/elasticsearch/secured.js';
import { index, reindex } from '../../support/indexing.js';
import { testName } from '../../support/names.js';
import { startWeb } from '../../web/webServer.js';
import { testInstallation, type TestInstallation } from './installation.js';

interface Role {
  readonly cluster?: readonly string[];
  readonly indices: readonly { readonly names: readonly string[]; readonly privileges: readonly string[] }[];
}

/** The role descriptors of the page under this heading, for an installation of another name. */
function documentedRole(heading: string, name: string): Role {
  const page = readFileSync(path.join(ROOT, 'docs/operation.md'), 'utf8');
  const section = page.slice(page.indexOf(heading));
  const json = /```json\n(.*?)```/s.exec(section)?.[1];
  assert.ok(json, `${heading} of docs/operation.md has a role as JSON`);
  return JSON.parse(json.replaceAll('clickstream', name)) as Role;
}

describe('Elasticsearch with security', () => {
  let server: SecuredElasticsearch;
  let plain: TestInstallation;
  const name = testName('index_secured');

  before(async () => {
    server = await startSecuredElasticsearch();
    plain = await testInstallation(name);
    await plain.postgres.pool.query('CREATE TABLE click_data (click_id bigint, event_time timestamptz)');
    await plain.put(1, [{ url: '/a', clicks: 3 }, { url: '/b' }]);
  });
  after(async () => {
    await plain.drop();
    await server.stop();
  });

  /** What a person sets in the environment. */
  const variables = (key: string | undefined, authority = server.authority): Record<string, string> => ({
    ELASTICSEARCH_URL: server.url,
    ...(key !== undefined && { ELASTICSEARCH_API_KEY: key }),
    ...(authority !== '' && { ELASTICSEARCH_CA: authority }),
  });
  const withKey = async <T>(
    environment: Record<string, string>,
    use: (t: TestInstallation) => Promise<T>,
  ): Promise<T> => {
    const env = { ...process.env, ...environment };
    const servers = parseServers(env, {}, (file) => readFileSync(file, 'utf8'));
    const elasticsearch = openElasticsearch(servers);
    try {
      return await use({ ...plain, servers, elasticsearch });
    } finally {
      await elasticsearch.close();
    }
  };
  const role = documentedRole('#### The key of the workers', name);

  test('a key with the documented rights indexes, deletes, reindexes, searches and looks, and another installation is closed to it', async () => {
    await withKey(variables(await server.keyOf(role)), async (t) => {
      assert.equal((await index(t)).indexed, 2);
      await plain.put(2, [{ url: '/a', clicks: 5 }]);
      await plain.vanish(2, 'total', '/b');
      await index(t);
      assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 5);
      const { indices, unknown } = await collectStatus(t.config, t.servers, new AbortController().signal);
      assert.deepEqual(unknown, []);
      assert.equal(indices.find(({ grain }) => grain === 'total')?.documents_clicks, 5);
      await reindex(t, 'total');
      assert.equal(await clicksInDocuments(t.elasticsearch, name, 'total'), 5);
      assert.match(await probeElasticsearch(t.servers, 10_000), /^8\./);
      await assert.rejects(
        t.elasticsearch.indices.create({ index: 'other-metrics-total-1' }),
        /unauthorized/,
      );
    });
  });

  test('a key with the rights documented for readers reads, and writes nothing', async () => {
    const readers = documentedRole('#### A key for readers', name);
    await withKey(variables(await server.keyOf(readers)), async (t) => {
      const pages: unknown[] = [];
      for await (const page of searchFigures(t.elasticsearch, name, { grain: 'total' })) pages.push(...page);
      assert.equal(pages.length, 1);
      await assert.rejects(index(t), { type: 'ServerRefused', nonRetryable: true });
    });
  });

  test('the page is served with the rights documented for readers, and without them says that they are missing', async () => {
    const window = '2026-11-01T00:00:00Z';
    await plain.put(
      5,
      GRAINS.map((grain) => ({ grain, url: '/page', clicks: 7, ...(grain !== 'total' && { window }) })),
    );
    await withKey(variables(await server.keyOf(role)), (t) => index(t));
    const served = async (
      rights: object,
      use: (ask: (path: string) => Promise<Response>) => Promise<void>,
    ) => {
      const web = await startWeb(name, server.url, [], variables(await server.keyOf(rights)));
      try {
        await use((path) => fetch(`${web.url}api/${path}`));
      } finally {
        await web.stop();
      }
    };
    const readers = documentedRole('#### A key for readers', name);
    await served(readers, async (ask) => {
      const { rows } = (await (await ask('top?by=url&q=page')).json()) as { rows: { key: string }[] };
      assert.deepEqual(
        rows.map(({ key }) => key),
        ['/page'],
      );
      assert.match(await (await ask('figures?grain=day&format=csv')).text(), /\nday,.*,\/page,DE,7,/);
      for (const deadline = Date.now() + 30_000; ;) {
        const { freshness } = (await (await ask('overview')).json()) as {
          freshness: { index_in_step: boolean | null };
        };
        if (freshness.index_in_step !== null) {
          assert.equal(freshness.index_in_step, true);
          break;
        }
        assert.ok(Date.now() < deadline, 'the page does not know whether the index is in step');
      }
    });
    await served({ indices: [{ names: ['other-metrics-*'], privileges: ['read'] }] }, async (ask) => {
      for (const path of ['overview', 'top?by=country', 'figures?grain=total&limit=1']) {
        const answer = await ask(path);
        assert.equal(answer.status, 502, path);
        assert.match(await answer.text(), /denied a right \(403\)/);
      }
    });
  });

  const lacking: [string, Role, RegExp][] = [
    ['the template', { ...role, cluster: ['monitor'] }, /manage_index_templates/],
    ['the indices', without('manage'), /403.*manage|manage.*403/s],
    ['writing', without('index'), /\[[^\]]*\bindex\b[^\]]*\]/],
  ];
  function without(privilege: string): Role {
    const indices = role.indices.map(({ names, privileges }) => ({
      names,
      privileges: privileges.filter((one) => one !== privilege),
    }));
    return { ...role, indices };
  }
  for (const [what, rights, named] of lacking)
    test(`a key that lacks the right to ${what} ends the run with an error that names the right`, async () => {
      await plain.put(9, [{ url: `/${what}` }]);
      await withKey(variables(await server.keyOf(rights)), (t) =>
        assert.rejects(index(t), { type: 'ServerRefused', nonRetryable: true, message: named }),
      );
    });

  test('a wrong key is refused at once, by the variable to look at', async () => {
    const wrong = Buffer.from('nobody:nothing').toString('base64');
    await withKey(variables(wrong), (t) =>
      assert.rejects(index(t), { type: 'ServerRefused', message: /401.*ELASTICSEARCH_API_KEY/ }),
    );
  });

  test('an unknown authority is refused, and the message says where to name it', async () => {
    await withKey(variables(await server.keyOf(role), ''), (t) =>
      assert.rejects(index(t), { type: 'ServerRefused', message: /certificate.*ELASTICSEARCH_CA/ }),
    );
  });

  test('commands take address, key and authority from the environment', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'secured-'));
    try {
      const file = path.join(folder, 'clickstream.yaml');
      const columns = '{ url: { type: text, from: [url], required: true } }';
      writeFileSync(
        file,
        `version: 1\nname: ${name}\nkafka: { topics: [none] }\nevent: { time: { from: [t] } }\n` +
          `families: { click_data: ${columns} }\nroles: { url: click_data.url }\n`,
      );
      const args = ['metrics', '--grain', 'total', '--url', '/a', '--json', '--config', file];
      const { code, stdout, stderr } = await cli(args, { env: variables(await server.keyOf(role)) });
      assert.equal(code, 0, stderr);
      assert.equal((JSON.parse(stdout) as { url: string }).url, '/a');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
