import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { statusText } from '../../cli/format/status.js';
import { collectStatus } from '../../cli/status/collect.js';
import type { StatusReport } from '../../cli/status/report.js';
import { parseServers } from '../../domain/config/servers.js';
import { physicalIndex, readAlias, type Grain } from '../../domain/names.js';
import * as attempt from '../support/indexing.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';

const TEN = '2026-11-01T10:00:00.000Z';
const ELEVEN = '2026-11-01T11:00:00.000Z';

describe('in step', () => {
  let t: TestInstallation;
  const name = 'index_in_step_test';
  const hour = physicalIndex(name, 'hour', 1);
  const hours = readAlias(name, 'hour');

  const index = () => attempt.index(t);
  const status = (): Promise<StatusReport> =>
    collectStatus(t.config, t.servers, new AbortController().signal);
  const of = (report: StatusReport, grain: Grain) => {
    const found = report.indices.find((one) => one.grain === grain);
    assert.ok(found);
    return found;
  };
  const idOf = async (url: string): Promise<string> => {
    const { rows } = await t.postgres.pool.query<{ id: string }>(
      `SELECT encode(figure_id, 'hex') AS id FROM click_metrics WHERE grain = 'hour' AND url = $1`,
      [url],
    );
    return rows[0]?.id ?? '';
  };

  before(async () => {
    t = await testInstallation(name);
    await t.postgres.pool.query('CREATE TABLE click_data (click_id bigint)');
  });
  after(() => t.drop());
  beforeEach(async () => {
    await t.postgres.pool.query(
      "DELETE FROM click_metrics WHERE grain = 'hour'; DELETE FROM index_cursor WHERE grain = 'hour'",
    );
    const found = Object.keys(await t.elasticsearch.indices.get({ index: `${hours}*` }));
    if (found.length > 0) await t.elasticsearch.indices.delete({ index: found });
    await t.put(7, [
      { grain: 'hour', window: TEN, url: '/a', clicks: 3 },
      { grain: 'hour', window: TEN, url: '/b', clicks: 4 },
      { grain: 'hour', window: ELEVEN, url: '/c', clicks: 5 },
      { url: '/a', clicks: 12 },
    ]);
    await index();
  });

  it('is in step after a run, tombstones included', async () => {
    await t.vanish(8, 'hour', '/b');
    await index();
    const report = await status();
    assert.equal(report.index_in_step, true);
    assert.deepEqual(
      report.indices.map((one) => [one.windows_out_of_step, one.out_of_step, one.problem]),
      report.indices.map(() => [0, [], null]),
    );
    assert.doesNotMatch(statusText(report), /Not in step/);
  });

  it('does not know whether it is, where nobody has named an Elasticsearch', async () => {
    const { DATABASE_URL, KAFKA_BROKERS } = process.env;
    const servers = parseServers({ DATABASE_URL, KAFKA_BROKERS });
    const report = await collectStatus(t.config, servers, new AbortController().signal);
    assert.equal(report.index_in_step, null);
    assert.match(report.missing.join(' '), /set ELASTICSEARCH_URL/);
    assert.doesNotMatch(statusText(report), /Not in step/);
  });

  it('names the windows that wait for the next run', async () => {
    await t.put(8, [{ grain: 'hour', window: ELEVEN, url: '/d', clicks: 10 }]);
    const report = await status();
    assert.equal(report.index_in_step, false);
    assert.deepEqual(of(report, 'hour').out_of_step, [
      { window_start: ELEVEN, figures: 2, documents: 1, figures_clicks: 15, documents_clicks: 5 },
    ]);
    assert.equal(of(report, 'total').in_step, true);
    assert.match(statusText(report), /hour +2026-11-01T11:00Z +2 +1 +15 +5/);
    assert.match(statusText(report), /sent by the next run/);
  });

  it('names the window of a document that was deleted by hand, and the command that writes it anew', async () => {
    await t.elasticsearch.delete({ index: hour, id: await idOf('/a'), refresh: true });
    const report = await status();
    assert.equal(of(report, 'hour').behind, 0);
    assert.deepEqual(of(report, 'hour').out_of_step, [
      { window_start: TEN, figures: 2, documents: 1, figures_clicks: 7, documents_clicks: 4 },
    ]);
    assert.match(statusText(report), /clickstream reindex --grain hour/);
  });

  it('finds two changes by hand that leave every total as it was', async () => {
    const change = (url: string, clicks: number) =>
      idOf(url).then((id) =>
        t.elasticsearch.update({ index: hour, id, doc: { click_count: clicks }, refresh: true }),
      );
    await change('/a', 4);
    await change('/c', 4);
    const report = await status();
    assert.equal(of(report, 'hour').documents_clicks, of(report, 'hour').figures_clicks);
    assert.deepEqual(
      of(report, 'hour').out_of_step.map((one) => one.window_start),
      [TEN, ELEVEN],
    );
  });

  it('finds a document of an older version that counts as many clicks', async () => {
    const doc = { version: 6, unique_users: 9 };
    await t.elasticsearch.update({ index: hour, id: await idOf('/c'), doc, refresh: true });
    const report = await status();
    assert.equal(report.index_in_step, false);
    assert.equal(of(report, 'hour').windows_out_of_step, 1);
    assert.match(statusText(report), /2026-11-01T11:00Z .* documents of other versions/);
  });

  it('names the first ten windows and counts the rest', async () => {
    const windows = Array.from({ length: 40 }, (_, i) => new Date(Date.UTC(2026, 0, 1, i)).toISOString());
    await t.put(
      8,
      windows.map((window) => ({ grain: 'hour' as const, window, url: '/many' })),
    );
    const report = await status();
    assert.equal(of(report, 'hour').windows_out_of_step, 40);
    assert.deepEqual(
      of(report, 'hour').out_of_step.map((one) => one.window_start),
      windows.slice(0, 10),
    );
    assert.match(statusText(report), /hour +and 37 more windows/);
  });

  it('says of an index that was deleted that the next run makes it, and the run does', async () => {
    await t.elasticsearch.indices.delete({ index: hour });
    const report = await status();
    assert.equal(report.index_in_step, false);
    assert.equal(of(report, 'hour').behind, 3);
    assert.match(statusText(report), new RegExp(`no index stands behind ${hours}: the next run makes`));
    await index();
    assert.equal((await status()).index_in_step, true);
  });

  it('says of an alias that was moved by hand which index was fed and which is searched', async () => {
    const other = physicalIndex(name, 'hour', 2);
    await t.elasticsearch.indices.create({ index: other });
    await t.elasticsearch.indices.updateAliases({
      actions: [{ remove: { index: hour, alias: hours } }, { add: { index: other, alias: hours } }],
    });
    const report = await status();
    assert.equal(of(report, 'hour').in_step, false);
    assert.match(
      statusText(report),
      new RegExp(`${hours} stands for ${other}, which no run has fed, and not for ${hour}`),
    );
    await index();
    assert.equal((await status()).index_in_step, true);
  });

  it('says of two indices behind one alias that searches count both, and what to do', async () => {
    const other = physicalIndex(name, 'hour', 2);
    await t.elasticsearch.indices.create({ index: other, aliases: { [hours]: {} } });
    const report = await status();
    assert.equal(report.index_in_step, false);
    assert.match(
      of(report, 'hour').problem ?? '',
      /stands for .*-1 and .*-2, .* take it away from all but one/,
    );
    await assert.rejects(index(), { type: 'ServerRefused' });
    await t.elasticsearch.indices.updateAliases({ actions: [{ remove: { index: other, alias: hours } }] });
    assert.equal((await status()).index_in_step, true);
  });

  it('says of an index that somebody wrote under the name of the alias that it is in the way', async () => {
    await t.elasticsearch.indices.delete({ index: hour });
    await t.elasticsearch.indices.create({ index: hours });
    const report = await status();
    assert.equal(of(report, 'hour').in_step, false);
    assert.match(statusText(report), new RegExp(`${hours} is an index, not an alias`));
    await t.elasticsearch.indices.delete({ index: hours });
    await index();
    assert.equal((await status()).index_in_step, true);
  });
});
