import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { explain } from '../../cli/explain/collect.js';
import { parseKey } from '../../cli/explain/key.js';
import type { ExplainReport } from '../../cli/explain/report.js';
import { explainText } from '../../cli/explain/text.js';
import { openElasticsearch } from '../../clients/elasticsearch/index.js';
import { UsageError } from '../../domain/errors.js';
import {
  figuresConfig,
  makeFiguresSchema,
  plainFigures,
  type Click,
  type FiguresSchema,
} from '../support/figures.js';
import { until } from '../support/installation.js';
import { testName } from '../support/names.js';

const NAME = testName('explain');
const DAY = '2026-01-05';
const at = (time: string): string => `${DAY}T${time}Z`;

/** A visit over the hour's edge, a gap beyond the time-out, a bot, an own time, a click without session and country. */
const CLICKS: readonly Click[] = [
  { time: at('10:50:00'), url: '/a', country: 'DE', user: 'alice', session: 'x' },
  { time: at('11:10:00'), url: '/b', country: 'DE', user: 'alice', session: 'x' },
  { time: at('11:50:00'), url: '/a', country: 'DE', user: 'alice', session: 'x' },
  { time: at('10:20:00'), url: '/a', country: 'DE', user: 'bob', session: 'y', bot: true },
  { time: at('10:30:00'), url: '/a', country: 'DE', user: 'bob', session: 'y', spentMs: 1500 },
  { time: at('10:40:00'), url: '/a', user: 'carol' },
  { time: at('10:45:00'), url: '/a', country: 'DE' },
];

describe('explain', () => {
  let schema: FiguresSchema;
  const config = figuresConfig(NAME);
  const sql = (text: string, values: unknown[] = []) => schema.postgres.pool.query(text, values);

  const ask = async (
    [url, country, window]: readonly [string, string, string],
    more: { limit?: number; showUsers?: boolean; signal?: AbortSignal } = {},
  ): Promise<ExplainReport> => {
    const elasticsearch = openElasticsearch(schema.servers);
    try {
      return await explain(
        config,
        { postgres: schema.postgres, elasticsearch },
        parseKey(url, country, window),
        {
          limit: 20,
          showUsers: false,
          signal: new AbortController().signal,
          ...more,
        },
      );
    } finally {
      await elasticsearch.close();
    }
  };

  before(async () => {
    schema = await makeFiguresSchema(NAME);
    await schema.addUnmarked(CLICKS);
    // By a plain loop, so that neither engine stands on the other.
    const rows = [...plainFigures(CLICKS)].map(([key, figure]) => {
      const [grain = '', window = '', url = '', country = ''] = key.split('|');
      return { grain, window: window === '' ? null : window, url, country, ...figure };
    });
    await sql(
      `INSERT INTO click_metrics SELECT figure_id(grain, "window", url, country), grain, "window", url, country, clicks,
         bots, users, exact, ''::bytea, timed, "totalMs", avg, median, p90, 7, false
       FROM json_to_recordset($1::json) AS r (grain text, "window" timestamptz, url text, country text, clicks bigint,
         bots bigint, users bigint, exact boolean, timed bigint, "totalMs" bigint, avg float8, median float8, p90 float8)`,
      [JSON.stringify(rows)],
    );
    await sql(`INSERT INTO aggregate_run (version, workflow_id, workflow_run_id, hours, clicks, changed, vanished,
                 started_at, finished_at)
               VALUES (7, 'w-analyze', 'run-1', 2, 7, 9, 0, '${at('12:00:00')}', '${at('12:00:02')}')`);
    await sql("INSERT INTO source VALUES (0, 'clicks', 'incarnation')");
    // Records 1 to 4 in time, 5 a day later, the rest by a replay inside of it.
    for (const [id, kind, from, to, committed] of [
      ['batch-in-time', 'ingest', '0', '5', at('11:10:00')],
      ['batch-late', 'ingest', '5', '9', '2026-01-06T10:40:00Z'],
      ['batch-replay', 'replay', '6', '8', '2026-01-07T00:00:00Z'],
    ])
      await sql(
        `INSERT INTO batch (batch_id, kind, source_id, ranges, records, persisted, duplicates, dead_letters, filtered,
           committed_at) VALUES ($1, $2, 0, $3, 0, 0, 0, 0, 0, $4)`,
        [id, kind, JSON.stringify([{ partition: 0, from, to }]), committed],
      );
  });
  after(() => schema.drop());

  test('an hour: its clicks in order, their times and how they came, records, batches, what was late', async () => {
    const report = await ask(['/a', 'de', `${DAY}T10`]);
    assert.equal(report.verdict, 'equal');
    assert.deepEqual(report.figure?.click_count, 4);
    assert.deepEqual(report.run, {
      id: 1,
      started_at: at('12:00:00.000'),
      finished_at: at('12:00:02.000'),
      workflow_id: 'w-analyze',
      workflow_run_id: 'run-1',
    });
    assert.deepEqual(
      report.clicks.map((c) => [
        c.event_time.slice(11, 16),
        c.user,
        c.session,
        c.is_bot,
        c.time_from,
        c.time_spent_ms,
      ]),
      [
        ['10:20', 'u1', 's1', true, 'next', 600_000],
        ['10:30', 'u1', 's1', false, 'own', 1500],
        ['10:45', null, null, false, 'no_session', null],
        ['10:50', 'u2', 's2', false, 'next', 1_200_000],
      ],
    );
    assert.deepEqual(
      report.clicks.map((c) => [c.topic, c.partition, c.offset, c.batch_id, c.is_late]),
      [
        ['clicks', 0, 4, 'batch-in-time', false],
        ['clicks', 0, 5, 'batch-late', true],
        ['clicks', 0, 7, 'batch-replay', true],
        ['clicks', 0, 1, 'batch-in-time', false],
      ],
    );
    assert.equal(report.clicks[3]?.next?.url, '/b');
    assert.equal(report.clicks[3].next.click_id, '2');
    assert.deepEqual(report.found.late_clicks, 2);
    const text = explainText(report, 200);
    assert.match(text, /figure {5}4 clicks, 1 by bots, 2 people, 3 timed with 30 min 02 s/);
    assert.match(text, /version {4}7 of run 1, 2026-01-05 12:00:00Z to 2026-01-05 12:00:02Z/);
    assert.doesNotMatch(text + JSON.stringify(report), /alice|bob/);
  });

  test('a gap beyond the time-out and the last click have no time; users are shown when asked for', async () => {
    const hour = await ask(['/b', 'DE', `${DAY}T11`], { showUsers: true });
    assert.deepEqual(
      hour.clicks.map((c) => [c.user, c.session, c.time_from, c.time_spent_ms]),
      [['alice', 'x', 'timed_out', null]],
    );
    assert.equal(hour.clicks[0]?.next?.event_time, at('11:50:00.000000'));
    assert.deepEqual((await ask(['/a', 'DE', `${DAY}T11`])).found.by_time.last, 1);
  });

  for (const window of [DAY, '2026-01', 'total'])
    test(`${window}: the clicks add up to the figure, listed or not`, async () => {
      const report = await ask(['/a', 'DE', window], { limit: 2 });
      assert.equal(report.verdict, 'equal');
      assert.deepEqual([report.found.click_count, report.clicks.length], [5, 2]);
      assert.match(explainText(report, 200), /… and 3 more: --limit N lists N/);
      assert.equal((await ask(['/a', 'ZZ', window])).found.click_count, 1);
    });

  test('a click has the same words by hour, by day and in total, however far its session’s next one is', async () => {
    const ids = await schema.addUnmarked([
      { time: at('14:05:00'), url: '/far', country: 'DE', session: 'z' },
      { time: at('23:00:00'), url: '/b', country: 'FR', session: 'z' },
    ]);
    try {
      for (const window of [`${DAY}T14`, DAY, 'total']) {
        const [click] = (await ask(['/far', 'DE', window])).clicks;
        assert.deepEqual([click?.time_from, click?.next], ['last', null], window);
      }
    } finally {
      await schema.remove(ids);
    }
  });

  test('an own time too large to be one is said to count as missing, and one below 0 to count', async () => {
    const ids = await schema.addUnmarked([
      { time: at('15:00:00'), url: '/own', country: 'DE', session: 'v', spentMs: 1e12 + 1 },
      { time: at('15:10:00'), url: '/own', country: 'DE', session: 'v', spentMs: -1500 },
    ]);
    try {
      const report = await ask(['/own', 'DE', `${DAY}T15`]);
      assert.deepEqual(
        report.clicks.map((c) => [c.time_from, c.own_time_beyond, c.time_spent_ms]),
        [
          ['next', true, 600_000],
          ['own', false, -1500],
        ],
      );
      assert.deepEqual([report.found.own_times_beyond, report.found.own_times_negative], [1, 1]);
      const text = explainText(report, 200);
      assert.match(text, /time {7}1 by the event's own \(1 below 0\), 1 by the next click of the session/);
      assert.match(text, /own times {2}1 beyond 10¹² ms \(31 years\), which count as missing/);
      assert.match(text, /to next, own beyond 10¹² ms/);
    } finally {
      await schema.remove(ids);
    }
  });

  test('clicks that a run has not seen wait, and without a mark they differ', async () => {
    const [id = ''] = await schema.addUnmarked([
      { time: at('10:59:00'), url: '/a', country: 'DE', user: 'dora' },
    ]);
    try {
      const different = await ask(['/a', 'DE', DAY]);
      assert.equal(different.verdict, 'different');
      assert.deepEqual(different.differences[0], { figure: 'click_count', stored: 5, found: 6 });
      await schema.mark(at('10:59:00'));
      const waiting = await ask(['/a', 'DE', `${DAY}T10`]);
      assert.deepEqual([waiting.verdict, waiting.marked_hours], ['waiting', 1]);
      assert.match(explainText(waiting, 200), /waiting {4}this hour waits to be computed again/);
    } finally {
      await schema.remove([id]);
      await sql('DELETE FROM window_mark');
    }
  });

  test('no such figure: those nearest to it, or where to look', async () => {
    const report = await ask(['/a', 'FR', `${DAY}T11`]);
    assert.equal(report.verdict, 'nothing');
    assert.deepEqual(report.nearest[0], { window_start: at('11:00:00'), country: 'DE', click_count: 1 });
    assert.match(
      explainText(report, 200),
      /no such figure, and no clicks\nthis URL has\n {2}DE 2026-01-05T11: 1 click/,
    );
    const unknown = await ask(["/'; DROP TABLE click_data --\u001b[31m", 'DE', 'total']);
    assert.match(explainText(unknown, 80), /\\u\{1b\}.*no figure has this URL/s);
    assert.match(
      explainText(unknown, 80, 'my.yaml'),
      /`clickstream --config my\.yaml metrics --search WORDS`/,
    );
  });

  test('a country is meant letter by letter where the figures have it so, else as its code', async () => {
    const code = await ask(['/a', 'de', DAY]);
    assert.deepEqual([code.country, code.verdict], ['DE', 'equal']);
    await sql(`INSERT INTO click_metrics (figure_id, grain, url, country, click_count, bot_clicks, unique_users,
                 unique_users_exact, timed_clicks, total_time_spent_ms, version, deleted)
               VALUES (figure_id('total', NULL, '/small', 'de'), 'total', '/small', 'de', 3, 0, 0, true, 0, 0, 7, false)`);
    const small = await ask(['/small', 'de', 'total']);
    assert.deepEqual([small.country, small.figure?.click_count], ['de', 3]);
    assert.equal((await ask(['/a', 'deu', DAY])).verdict, 'nothing');
  });

  test('a figure that vanished says so', async () => {
    await sql(`INSERT INTO click_metrics (figure_id, grain, url, country, click_count, bot_clicks, unique_users,
                 unique_users_exact, timed_clicks, total_time_spent_ms, version, deleted)
               VALUES (figure_id('total', NULL, '/gone', 'DE'), 'total', '/gone', 'DE', 0, 0, 0, true, 0, 0, 7, true)`);
    const report = await ask(['/gone', 'DE', 'total']);
    assert.deepEqual([report.verdict, report.figure, report.vanished], ['nothing', null, 7]);
    assert.match(explainText(report, 200), /vanished: its last click went\nversion {4}7 of run 1/);
  });

  test('below the floor of retention the figure stays, and says what became of its clicks', async () => {
    await sql("UPDATE retention_floor SET floor = '2026-01-06Z'");
    await sql('CREATE TABLE saved AS TABLE click_data; DELETE FROM click_data');
    try {
      for (const window of [`${DAY}T10`, DAY, 'total']) {
        const report = await ask(['/a', 'DE', window]);
        assert.equal(report.verdict, 'equal', window);
        assert.equal(report.clicks.length, 0);
        assert.match(
          explainText(report, 200),
          /frozen {5}\d hours? before 2026-01-06 .*\n(.*\n)*✔ all of it is frozen/,
        );
      }
    } finally {
      await sql('INSERT INTO click_data SELECT * FROM saved; DROP TABLE saved');
    }
  });

  test('Ctrl-C ends a query that is under way', async () => {
    const holder = await schema.postgres.pool.connect();
    const interrupt = new AbortController();
    const asked = () =>
      sql(
        `SELECT FROM pg_stat_activity WHERE starts_with(application_name, '${NAME}:explain') AND wait_event_type = 'Lock'`,
      );
    try {
      await holder.query('BEGIN; LOCK TABLE click_data');
      const asking = ask(['/a', 'DE', 'total'], { signal: interrupt.signal });
      const rejected = assert.rejects(asking, /enough/);
      await until('the query to wait', 20_000, async () => (await asked()).rowCount === 1);
      interrupt.abort(new Error('enough'));
      await rejected;
      await until('it to end', 20_000, async () => (await asked()).rowCount === 0);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
  });

  test('windows are taken as people and `metrics` write them; others are refused with the choices', () => {
    const hour = { grain: 'hour', start: Date.UTC(2026, 0, 5, 10), url: '-x', country: 'ZZ' };
    for (const window of [`${DAY}T10`, `${DAY} 10:00`, `${DAY}T10:00:00Z`, `${DAY}T10:00:00.000Z`])
      assert.deepEqual(parseKey('-x', 'ZZ', window), hour);
    for (const window of ['', 'all', '2026', '2026-13', '2026-02-30', `${DAY}T24`, `${DAY}T10:30`])
      assert.throws(
        () => parseKey('/', 'DE', window),
        (e) =>
          e instanceof UsageError &&
          e.message.includes('an hour (2026-11-25T14)') &&
          e.message.endsWith(`'${window}'`),
      );
  });
});
