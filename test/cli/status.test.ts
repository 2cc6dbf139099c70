import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { statusText } from '../../cli/format/status.js';
import { collectStatus } from '../../cli/status/collect.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { parseServers } from '../../domain/config/servers.js';
import { BulkBody, ensureIndices, refresh, sendBulk } from '../../clients/elasticsearch/index.js';
import { openKafka } from '../../clients/kafka/index.js';
import { openCursor, moveCursor } from '../../clients/postgres/index/cursor.js';
import { keepRejects } from '../../clients/postgres/index/rejects.js';
import { readFigures } from '../../clients/postgres/index/figures.js';
import { withClient } from '../../clients/postgres/pool.js';
import { until } from '../support/installation.js';
import { testName } from '../support/names.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';

const ZEROS = {
  records: 0,
  persisted: 0,
  duplicates: 0,
  dead_letters: 0,
  filtered: 0,
  lag: 0,
  marks_waiting: 0,
  documents_clicks: 0,
};

describe('status', () => {
  let t: TestInstallation;
  const never = new AbortController().signal;
  const status = (servers: Partial<Servers> = {}, config: Partial<Config> = {}) =>
    collectStatus({ ...t.config, ...config }, { ...t.servers, ...servers }, never);

  before(async () => {
    t = await testInstallation(testName('index_status'));
    await t.postgres.pool.query('CREATE TABLE click_data (click_id bigint)');
  });
  after(() => t.drop());

  it('gives zeros and says what is missing before anything was set up', async () => {
    const nowhere = { ...t.config, name: 'index_status_nowhere' };
    const topics = ['index_status_no_topic'];
    const report = await status({}, { ...nowhere, kafka: { ...t.config.kafka, topics } });
    assert.deepEqual({ ...report, ...ZEROS }, report);
    assert.equal(report.index_in_step, null, 'nothing is neither in step nor behind');
    assert.match(statusText(report), /none yet/);
    assert.deepEqual(report.unknown, []);
    assert.match(report.missing.join('\n'), /clickstream migrate/);
    assert.match(report.missing.join('\n'), /topic index_status_no_topic/);
    const url = new URL(t.servers.postgres.url ?? '');
    url.pathname = '/no_such_database';
    const without = await status({ postgres: { url: url.toString() } });
    assert.deepEqual(without.unknown, []);
    assert.match(without.missing.join('\n'), /the PostgreSQL database/);
  });

  it('gives zeros where nobody has named a server yet, and says how to', async () => {
    const report = await collectStatus(t.config, parseServers({}), never);
    assert.deepEqual({ ...report, ...ZEROS }, report);
    assert.deepEqual(report.unknown, []);
    for (const variable of ['DATABASE_URL', 'KAFKA_BROKERS', 'ELASTICSEARCH_URL'])
      assert.match(report.missing.join('\n'), new RegExp(`set ${variable}, or run .npx clickstream up`));
    assert.match(statusText(report), /Missing/);
  });

  it('says which part is unknown when a server is down, and reports the others', async () => {
    const elasticsearch = { url: 'http://127.0.0.1:1' };
    const noIndex = await status({ elasticsearch });
    assert.equal(noIndex.documents_clicks, null);
    assert.equal(noIndex.records, 0);
    assert.equal(noIndex.unknown.length, 1);
    assert.match(noIndex.unknown[0] ?? '', /Elasticsearch/);
    const noPostgres = await status({ postgres: { url: 'postgres://127.0.0.1:1/x' } });
    assert.equal(noPostgres.records, null);
    assert.equal(noPostgres.documents_clicks, 0);
    assert.match(noPostgres.unknown.join('\n'), /PostgreSQL/);
    const noKafka = await status({ kafka: { brokers: ['127.0.0.1:1'], ssl: false } });
    assert.equal(noKafka.lag, null);
    assert.match(noKafka.unknown.join('\n'), /Kafka/);
    assert.match(statusText(noKafka), /lag \?/);
    const noTemporal = await status({ temporal: { ...t.servers.temporal, address: '127.0.0.1:1' } });
    assert.equal(noTemporal.records, 0);
    assert.equal(noTemporal.unknown.length, 1);
    assert.match(
      noTemporal.unknown[0] ?? '',
      /Temporal could not be asked what has failed or is tried again: .*127\.0\.0\.1:1/,
    );
  });

  it('does not wait behind a migrate that waits for a run, and says who keeps it from the tables', async () => {
    const [run, migrate] = await Promise.all([t.postgres.pool.connect(), t.postgres.pool.connect()]);
    await run.query('BEGIN; LOCK TABLE aggregate_run IN EXCLUSIVE MODE');
    await migrate.query(`SET application_name = '${t.name}:migrate'`);
    const waiting = migrate.query('ALTER TABLE aggregate_run ADD COLUMN later text');
    try {
      await until('migrate to wait', 10_000, async () => {
        const { rows } = await t.postgres.pool.query(
          "SELECT FROM pg_locks WHERE relation = 'aggregate_run'::regclass AND NOT granted",
        );
        return rows.length > 0;
      });
      const report = await status();
      assert.equal(report.records, null);
      assert.equal(report.documents_clicks, 0);
      assert.match(report.unknown.join(), new RegExp(`locked by ${t.name}:migrate, pid \\d+: .*migrate`));
    } finally {
      await run.query('ROLLBACK');
      await waiting;
      await migrate.query('ALTER TABLE aggregate_run DROP COLUMN later');
      run.release();
      migrate.release(true);
    }
    assert.equal((await status()).records, 0);
  });

  it('gives the account, lag per partition, and whether the index is in step', async () => {
    const kafka = openKafka(t.servers, 'index-status-test');
    const [topic = ''] = t.config.kafka.topics;
    await kafka.createTopic(topic, 1);
    const value = new TextEncoder().encode('{}');
    await kafka.produce(topic, [{ value }]);
    const { incarnation } = await kafka.describe(topic);
    const ends = await kafka.lastStableOffsets(topic, [0]);
    await kafka.close();
    const end = Number(ends.get(0));

    const { pool } = t.postgres;
    await pool.query('INSERT INTO source VALUES (1, $1, $2)', [topic, incarnation]);
    await pool.query('INSERT INTO ingest_offset VALUES (1, 0, 0, $1)', [end - 1]);
    await pool.query(
      `INSERT INTO batch VALUES ('b1', 'ingest', 1, 0, '[]', 10, 7, 1, 1, 1), ('b2', 'ingest', 1, 0, '[]', 5, 5, 0, 0, 0)`,
    );
    await pool.query(`INSERT INTO window_mark (window_start, batch_id) VALUES (now(), 'b1'), (now(), 'b2')`);
    await pool.query('INSERT INTO click_data SELECT generate_series(1, 12)');
    await pool.query(
      `INSERT INTO aggregate_run (version, hours, clicks, changed, vanished, started_at, finished_at)
       VALUES (1, 1, 12, 1, 0, now() - interval '2 s', now())`,
    );
    await t.put(1, [{ url: '/a', clicks: 12 }]);
    const behind = await status();
    assert.equal(behind.index_in_step, false);
    assert.equal(behind.indices.find((one) => one.grain === 'total')?.behind, 1);

    const targets = await ensureIndices(t.elasticsearch, t.name);
    const total = targets.find((one) => one.grain === 'total');
    assert.ok(total);
    await withClient(t.postgres, 'test', async (client) => {
      await openCursor(client, total);
      const body = new BulkBody();
      for await (const rows of readFigures(client, 'total', { version: '0', figureId: '' }, 10))
        for (const row of rows) body.add(row);
      await sendBulk(t.elasticsearch, total, body, { patienceMs: 5_000 });
      await moveCursor(client, total, { version: '1', figureId: body.key(0).id });
    });
    await refresh(t.elasticsearch, [total.index]);

    const report = await status();
    const expected = {
      records: 15,
      persisted: 12,
      duplicates: 1,
      dead_letters: 1,
      filtered: 1,
      balanced: true,
      lag: 1,
      marks_waiting: 2,
      clicks: 12,
      documents_clicks: 12,
      index_in_step: true,
      missing: [],
      unknown: [],
    };
    assert.deepEqual({ ...report, ...expected }, report);
    assert.deepEqual(report.partitions, [
      { topic, partition: 0, next_offset: String(end - 1), end_offset: String(end), lag: 1 },
    ]);
    const text = statusText(report);
    assert.match(text, /15 records = 12 clicks \+ 1 duplicate \+ 1 dead letter \+ 1 filtered {2}✔/);
    assert.match(text, new RegExp(`${topic} +0 +`));
  });

  it('names what Elasticsearch refused, with id and reason, and obeys nothing in it', async () => {
    await t.put(2, [{ url: '/\u001b[31mred' }]);
    const { rows } = await t.postgres.pool.query<{ id: string; index: string }>(
      `SELECT encode(click_metrics.figure_id, 'hex') AS id, index_name AS index FROM click_metrics JOIN index_cursor USING (grain)
       WHERE click_metrics.version = 2`,
    );
    const { id = '', index = '' } = rows[0] ?? {};
    const rejected = {
      id,
      version: '2',
      status: 400,
      reason: 'document_parsing_exception: [1:2]\nno such date',
    };
    await withClient(t.postgres, 'test', (client) => keepRejects(client, index, [rejected]));
    const report = await status();
    const [refused, ...more] = report.refused;
    assert.deepEqual(more, []);
    const figure = { grain: 'total', window_start: null, url: '/\u001b[31mred', country: 'DE' };
    const { status: code, reason } = rejected;
    assert.deepEqual({ ...refused, index, id, status: code, reason, ...figure }, refused);
    assert.equal(report.index_in_step, false);
    const text = statusText(report);
    assert.ok(text.includes('Refused by Elasticsearch'), text);
    assert.ok(text.includes(`total DE /\\u{1b}[31mred (id ${id})`), text);
    assert.ok(text.includes('400: document_parsing_exception: [1:2]\\u{a}no such date'), text);
    await t.postgres.pool.query(`DELETE FROM index_reject; DELETE FROM click_metrics WHERE version = 2`);
  });

  it('shows what was ingested before an upgrade that `migrate` has not followed yet', async () => {
    await t.postgres.pool.query('DROP TABLE backfill_day');
    const report = await status();
    assert.equal(report.records, 15);
    assert.equal(report.lag, 1);
    assert.equal(report.index_in_step, true);
    assert.match(report.missing.join('\n'), /backfill_day.*clickstream migrate/);
  });

  it('lists the partitions of a topic in their order', async () => {
    const kafka = openKafka(t.servers, 'index-status-test');
    const topic = `index_status_many_${process.pid}`;
    try {
      await kafka.createTopic(topic, 12);
      const { partitions } = await status({}, { kafka: { ...t.config.kafka, topics: [topic] } });
      assert.deepEqual(
        partitions.map((one) => one.partition),
        Array.from({ length: 12 }, (_, i) => i),
      );
    } finally {
      await kafka.close();
    }
  });
});
