import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import type { KafkaClient } from '../../clients/kafka/client.js';
import { openKafka } from '../../clients/kafka/index.js';
import { verify, type VerifyReport } from '../../cli/verify/collect.js';
import { SchemaMismatch } from '../../domain/errors.js';
import {
  figuresConfig,
  makeFiguresSchema,
  plainFigures,
  someClicks,
  type FiguresSchema,
} from '../support/figures.js';
import { testName } from '../support/names.js';

const NAME = testName('verify');

describe('verify', () => {
  let schema: FiguresSchema;
  let kafka: KafkaClient;
  const topic = `${NAME}-${process.pid}`;
  const config = { ...figuresConfig(NAME), kafka: { topics: [topic], start: 'earliest' as const } };
  const clicks = someClicks(500, '2026-01-05T00:00:00Z', '2026-01-06T12:00:00Z');
  const sql = (text: string, values: unknown[] = []) => schema.postgres.pool.query(text, values);

  /** Stores what a plain loop computes, so that neither engine stands on the other. */
  const storePlain = async (): Promise<void> => {
    const rows = [...plainFigures(clicks)].map(([key, figure]) => {
      const [grain = '', window = '', url = '', country = ''] = key.split('|');
      return { grain, window: window === '' ? null : window, url, country, ...figure };
    });
    await sql(
      `INSERT INTO click_metrics SELECT figure_id(grain, "window", url, country), grain, "window", url, country, clicks,
         bots, users, exact, ''::bytea, timed, "totalMs", avg, median, p90, 1, false
       FROM json_to_recordset($1::json) AS r (grain text, "window" timestamptz, url text, country text, clicks bigint,
         bots bigint, users bigint, exact boolean, timed bigint, "totalMs" bigint, avg float8, median float8, p90 float8)`,
      [JSON.stringify(rows)],
    );
  };
  const run = async (drained = false, topics = [topic]): Promise<VerifyReport> => {
    const elasticsearch = openElasticsearch(schema.servers);
    try {
      return await verify(
        { ...config, kafka: { ...config.kafka, topics } },
        { postgres: schema.postgres, elasticsearch, kafka },
        { drained, signal: new AbortController().signal, progress: () => undefined },
      );
    } finally {
      await elasticsearch.close();
    }
  };
  const wrong = (report: VerifyReport): string[] =>
    report.checks.filter((check) => !check.ok).map((check) => check.name);

  before(async () => {
    schema = await makeFiguresSchema(NAME);
    kafka = openKafka(schema.servers, NAME);
    await kafka.createTopic(topic, 1);
    await kafka.produce(
      topic,
      clicks.map((_, i) => ({ value: Buffer.from(String(i)) })),
    );
    const { incarnation } = await kafka.describe(topic);
    // Offsets begin with 0; the schema numbers clicks from 1.
    await schema.addUnmarked(clicks);
    await sql('UPDATE click_data SET click_id = click_id - 1; UPDATE geo_data SET click_id = click_id - 1');
    await sql('INSERT INTO source VALUES (0, $1, $2)', [topic, incarnation]);
    await sql('INSERT INTO ingest_offset VALUES (0, 0, 0, 500)');
    for (const [from, to] of [
      [0, 200],
      [200, 500],
    ] as const)
      await sql(
        'INSERT INTO batch (batch_id, source_id, ranges, records, persisted, duplicates, dead_letters, filtered) VALUES ($1, 0, $2, $3, $3, 0, 0, 0)',
        [`b${from}`, JSON.stringify([{ partition: 0, from: String(from), to: String(to) }]), to - from],
      );
    await sql('CREATE TABLE user_agent_data (click_id bigint, event_time timestamptz)');
    await storePlain();
  });
  after(async () => {
    await kafka.close();
    await schema.drop();
  });

  test('equal tables, figures and log are found equal; an index that was never sent is waiting', async () => {
    const report = await run();
    assert.deepEqual(wrong(report), []);
    assert.equal(report.ok, true);
    assert.ok(report.waiting.index > 0);
    assert.equal(report.waiting.lag, 0);
    assert.ok(wrong(await run(true)).includes('documents per hour equal the figures'));
  });

  test('a topic that Kafka does not have any more is named, and everything else is compared', async () => {
    const report = await run(false, [`${topic}-gone`, topic]);
    assert.deepEqual(wrong(report), []);
    const details = report.checks.filter(({ name }) => name.includes('the log of')).map((one) => one.detail);
    assert.match(details[0] ?? '', /no such topic/);
    assert.match(details[1] ?? '', /records in the log 500 = in the ledger 500/);
  });

  test('one figure changed by hand is named, with expected and got; under a mark it is waiting', async () => {
    await sql(
      "UPDATE click_metrics SET bot_clicks = bot_clicks + 1 WHERE grain = 'day' AND url = '/page/1' AND country = 'DE' AND window_start = '2026-01-05Z'",
    );
    const report = await run();
    assert.deepEqual(wrong(report), ['figures per day equal those recomputed from the rows']);
    const [difference] = report.checks.find((check) => !check.ok)?.differences ?? [];
    assert.match(difference ?? '', /day 2026-01-05T00:00Z \/page\/1 DE: bot_clicks expected \d+, got \d+/);
    await schema.mark('2026-01-05T10:10:00Z');
    assert.deepEqual(wrong(await run()), []);
    await sql('DELETE FROM window_mark');
    await sql(
      "UPDATE click_metrics SET bot_clicks = bot_clicks - 1 WHERE grain = 'day' AND url = '/page/1' AND country = 'DE' AND window_start = '2026-01-05Z'",
    );
  });

  const faults: [what: string, harm: string, check: string][] = [
    ['a lost click', 'DELETE FROM click_data WHERE click_id = 7', 'clicks are those of the ledger'],
    [
      'a gap between batches',
      'UPDATE batch SET ranges = \'[{"partition":0,"from":"0","to":"199"}]\' WHERE batch_id = \'b0\'',
      'batches follow each other up to the committed offsets',
    ],
    [
      'a click beyond the committed offsets',
      'UPDATE click_data SET click_id = 900 WHERE click_id = 3; UPDATE geo_data SET click_id = 900 WHERE click_id = 3',
      'nothing beyond the committed offsets',
    ],
    [
      'a vanished figure',
      "UPDATE click_metrics SET url = '/other', figure_id = figure_id(grain, window_start, '/other', country) WHERE grain = 'total' AND url = '/page/0' AND country = 'DE'",
      'figures per total equal those recomputed from the rows',
    ],
  ];
  for (const [what, harm, check] of faults)
    test(`${what} is found`, async () => {
      await sql(
        'CREATE TABLE saved_clicks AS TABLE click_data; CREATE TABLE saved_geo AS TABLE geo_data; CREATE TABLE saved_metrics AS TABLE click_metrics; CREATE TABLE saved_batch AS TABLE batch',
      );
      try {
        await sql(harm);
        const report = await run();
        assert.equal(report.ok, false);
        assert.ok(wrong(report).includes(check), wrong(report).join(', '));
      } finally {
        await sql(`TRUNCATE click_data, geo_data, click_metrics, batch;
          INSERT INTO click_data SELECT * FROM saved_clicks; INSERT INTO geo_data SELECT * FROM saved_geo;
          INSERT INTO click_metrics SELECT * FROM saved_metrics; INSERT INTO batch SELECT * FROM saved_batch;
          DROP TABLE saved_clicks, saved_geo, saved_metrics, saved_batch`);
      }
    });

  test('before migrate it says what to do', async () => {
    const elasticsearch = openElasticsearch(schema.servers);
    await assert.rejects(
      verify(
        { ...config, name: 'agg_never_migrated' },
        { postgres: { ...schema.postgres, name: 'agg_never_migrated' }, elasticsearch, kafka },
        { drained: false, signal: new AbortController().signal, progress: () => undefined },
      ),
      (e) => e instanceof SchemaMismatch && e.message.includes('clickstream migrate'),
    );
    await elasticsearch.close();
  });
});
