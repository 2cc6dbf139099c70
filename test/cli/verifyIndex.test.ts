import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Client } from '@elastic/elasticsearch';
import { verify, type VerifyReport } from '../../cli/verify/collect.js';
import { checkIndex, readIndex } from '../../cli/verify/index.js';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { openKafka } from '../../clients/kafka/index.js';
import { withClient } from '../../clients/postgres/pool.js';
import { dropDocumentTable } from '../../clients/postgres/verify/documents.js';
import { ServerUnavailable } from '../../domain/errors.js';
import { physicalIndex, readAlias } from '../../domain/names.js';
import * as attempt from '../support/indexing.js';
import { figuresConfig, makeFiguresSchema, type FiguresSchema } from '../support/figures.js';
import { testName } from '../support/names.js';

const NAME = testName('verify-index');
const CHECK = 'documents per hour equal the figures';
const HOUR = '2026-01-05T10:00:00Z';

describe('verify compares every document with its figure', () => {
  let schema: FiguresSchema;
  let elasticsearch: Client;
  const hours = readAlias(NAME, 'hour');
  const first = physicalIndex(NAME, 'hour', 1);
  const config = { ...figuresConfig(NAME), kafka: { topics: [`${NAME}-none`], start: 'earliest' as const } };
  const sql = (text: string, values: unknown[] = []) => schema.postgres.pool.query(text, values);

  const put = (version: number, url: string, clicks: number) =>
    sql(
      `INSERT INTO click_metrics (figure_id, grain, window_start, url, country, click_count, bot_clicks, unique_users,
         unique_users_exact, timed_clicks, total_time_spent_ms, avg_time_spent_ms, version)
       VALUES (figure_id('hour', $1, $2, 'DE'), 'hour', $1, $2, 'DE', $3, 0, 1, true, 3, 100, 100 / 3.0::float8, $4)
       ON CONFLICT (figure_id) DO UPDATE SET click_count = excluded.click_count, version = excluded.version`,
      [HOUR, url, clicks, version],
    );
  const index = () =>
    attempt.index({ config, servers: schema.servers, postgres: schema.postgres, elasticsearch });
  const run = async (drained = false, client = elasticsearch): Promise<VerifyReport> => {
    const kafka = openKafka(schema.servers, NAME);
    try {
      return await verify(
        config,
        { postgres: schema.postgres, elasticsearch: client, kafka },
        { drained, signal: new AbortController().signal, progress: () => undefined },
      );
    } finally {
      await kafka.close();
    }
  };
  const check = async (drained = false) => {
    const found = (await run(drained)).checks.find(({ name }) => name === CHECK);
    assert.ok(found);
    return found;
  };
  const idOf = async (url: string): Promise<string> => {
    const { rows } = await sql(
      `SELECT encode(figure_id, 'hex') AS id FROM click_metrics WHERE grain = 'hour' AND url = $1`,
      [url],
    );
    return (rows as { id: string }[])[0]?.id ?? '';
  };
  const document = async (url: string): Promise<Record<string, unknown>> => {
    const { _source } = await elasticsearch.get<Record<string, unknown>>({
      index: first,
      id: await idOf(url),
    });
    return _source ?? {};
  };

  before(async () => {
    schema = await makeFiguresSchema(NAME);
    elasticsearch = openElasticsearch(schema.servers);
    await sql('CREATE TABLE user_agent_data (click_id bigint, event_time timestamptz)');
  });
  after(async () => {
    const found = Object.keys(await elasticsearch.indices.get({ index: `${NAME}-*` }));
    if (found.length > 0) await elasticsearch.indices.delete({ index: found });
    await elasticsearch.indices.deleteIndexTemplate({ name: `${NAME}-metrics` }, { ignore: [404] });
    await elasticsearch.close();
    await schema.drop();
  });
  beforeEach(async () => {
    await sql("DELETE FROM click_metrics; DELETE FROM index_cursor WHERE grain = 'hour'");
    const found = Object.keys(await elasticsearch.indices.get({ index: `${hours}*` }));
    if (found.length > 0) await elasticsearch.indices.delete({ index: found });
    await put(7, '/a', 3);
    await put(7, '/b', 4);
    await put(8, `/${'long'.repeat(3_000)}`, 5);
    await index();
  });

  test('equal ones are equal, drained as well', async () => {
    assert.deepEqual(await check(true), { name: CHECK, ok: true, detail: '3 compared, 0 different' });
  });

  test('more documents than a page holds are all compared', async () => {
    await sql(
      `INSERT INTO click_metrics (figure_id, grain, window_start, url, country, click_count, bot_clicks, unique_users,
         unique_users_exact, timed_clicks, total_time_spent_ms, version)
       SELECT figure_id('hour', $1, '/n/' || n, 'DE'), 'hour', $1::timestamptz, '/n/' || n, 'DE', n, 0, 1, true, 0, 0, 9
       FROM generate_series(1, 2500) AS n`,
      [HOUR],
    );
    await index();
    assert.equal((await check(true)).detail, '2503 compared, 0 different');
    await sql(
      "UPDATE click_metrics SET click_count = click_count + 1 WHERE url LIKE '/n/%' AND click_count % 50 = 0",
    );
    const found = await check();
    assert.equal(found.detail, '2503 compared, 50 different');
    assert.equal(found.differences?.length, 20);
  });

  test('each document that is not its figure is named, with what differs', async () => {
    const urls = ['/copied', '/digit', '/moved', '/nonsense', '/old', '/removed'];
    for (const url of urls) await put(9, url, 3);
    await index();
    const change = async (url: string, doc: object) =>
      elasticsearch.update({ index: first, id: await idOf(url), doc });
    await elasticsearch.delete({ index: first, id: await idOf('/removed') });
    await elasticsearch.index({
      index: first,
      id: 'by hand',
      document: { ...(await document('/a')), url: '/added' },
    });
    await elasticsearch.index({ index: first, document: await document('/copied') });
    await change('/old', { version: 8 });
    await change('/digit', { avg_time_spent_ms: 33.33333333333333 });
    await change('/moved', { url: '/Moved' });
    await change('/nonsense', { click_count: 3.7, window_start: 1_767_607_200_000, country: 'D\0' });
    const found = await check();
    assert.equal(found.ok, false);
    assert.equal(found.detail, '11 compared, 7 different');
    const at = 'hour 2026-01-05T10:00Z';
    const third = String(100 / 3);
    assert.deepEqual(found.differences, [
      `${at} /added DE: in the index, not in click_metrics`,
      `${at} /copied DE: in the index, not in click_metrics`,
      `${at} /digit DE: avg_time_spent_ms expected ${third}, got 33.33333333333333`,
      `${at} /moved DE: url expected /moved, got /Moved`,
      `${at} /nonsense DE: window_start expected 2026-01-05 10:00:00+00, got ; country expected DE, got ; ` +
        'click_count expected 3, got ',
      `${at} /old DE: version expected 9, got 8`,
      `${at} /removed DE: missing from the index`,
    ]);
  });

  test('what the next run will send waits; what it will not is different', async () => {
    await put(9, '/a', 30);
    await put(9, '/new', 1);
    await sql("UPDATE click_metrics SET deleted = true, click_count = 0, version = 9 WHERE url = '/b'");
    assert.equal((await check()).detail, '4 compared, 0 different, 3 waiting');
    assert.equal((await check(true)).ok, false);
    const long = await idOf(`/${'long'.repeat(3_000)}`);
    await elasticsearch.delete({ index: first, id: long });
    const found = await check();
    assert.equal(found.ok, false, 'as many wait as differ, and one of them is not among those that wait');
    assert.match(found.differences?.[0] ?? '', /\/longlong.* DE: missing from the index/);
  });

  test('a run between the reading of the index and the snapshot makes nothing different', () =>
    withClient(schema.postgres, NAME, async (client) => {
      const read = await readIndex(client, NAME, elasticsearch, new AbortController().signal);
      await put(9, '/a', 30);
      await put(9, '/new', 1);
      await sql("UPDATE click_metrics SET deleted = true, click_count = 0, version = 9 WHERE url = '/b'");
      await index();
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
      const { checks } = await checkIndex(client, read, false);
      await client.query('ROLLBACK');
      await dropDocumentTable(client);
      assert.deepEqual(checks[0], { name: CHECK, ok: true, detail: '4 compared, 0 different, 3 waiting' });
    }));

  test('an index that was deleted is a difference until the next run', async () => {
    await elasticsearch.indices.delete({ index: first });
    const found = await check();
    assert.equal(found.ok, false);
    assert.match(found.detail, /3 compared, 3 different; no index stands behind .*: the next run makes/);
    await index();
    assert.equal((await check(true)).ok, true);
  });

  test('an alias that was moved to an index which no run fed is a difference until the next run', async () => {
    const other = physicalIndex(NAME, 'hour', 2);
    await elasticsearch.indices.create({ index: other });
    await elasticsearch.indices.updateAliases({
      actions: [{ remove: { index: first, alias: hours } }, { add: { index: other, alias: hours } }],
    });
    assert.match((await check()).detail, /3 different; .* stands for .*-2, which no run has fed/);
    await index();
    assert.equal((await check(true)).ok, true);
  });

  test('two indices behind one alias are told, and nothing is compared by halves', async () => {
    await elasticsearch.indices.create({ index: physicalIndex(NAME, 'hour', 2), aliases: { [hours]: {} } });
    const found = await check();
    assert.equal(found.ok, false);
    assert.match(found.detail, /must stand for one index, it stands for .*-1 and .*-2/);
  });

  test('an Elasticsearch that is down is unreachable, not different', async () => {
    const down = openElasticsearch({ elasticsearch: { url: 'http://127.0.0.1:1' } });
    await assert.rejects(run(false, down), ServerUnavailable);
    await down.close();
    assert.equal((await check()).ok, true, 'and leaves nothing behind for the next');
  });
});
