import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mergeUsers } from '../../cli/metrics/merge.js';
import { toMergeQuery, type MetricsOptions } from '../../cli/metrics/options.js';
import { FigureDamaged } from '../../domain/errors.js';
import { cli } from '../support/cli.js';
import { randomFrom, someClicks } from '../support/figures.js';
import { microsOf, type Click } from '../support/plainFigures.js';
import { setUpAggregation, THREE_ERRORS, type Aggregation } from './setUp.js';

/** Over a year's end, with gaps. */
const CLICKS: readonly Click[] = [
  ...someClicks(150, '2025-11-28T00:00:00Z', '2025-12-03T00:00:00Z', 11),
  ...someClicks(200, '2025-12-29T00:00:00Z', '2026-01-04T00:00:00Z', 12),
  ...someClicks(150, '2026-02-27T00:00:00Z', '2026-03-02T00:00:00Z', 13),
];
/** 9,000 people, of whom each hour of one day sees 3,000, one hour of the day after 5,000. */
const CROWD: readonly Click[] = (() => {
  const random = randomFrom(5);
  const of = (user: number, hour: string): Click => ({
    time: `2026-05-${hour}:${String(user % 60).padStart(2, '0')}:00Z`,
    url: '/crowd',
    user: `p${user}`,
  });
  const some = (count: number, hour: string): Click[] =>
    Array.from({ length: count }, () => of(Math.floor(random() * 9000), hour));
  return [
    ...some(3000, '05T09'),
    ...some(3000, '05T10'),
    ...some(3000, '05T11'),
    ...Array.from({ length: 5000 }, (_, user) => of(user, '06T09')),
  ];
})();

interface Line {
  readonly url: string | null;
  readonly country: string | null;
  readonly clicks: number;
  readonly users: number;
}

/** Different people by a loop over the clicks. */
function counted(clicks: readonly Click[]): Line[] {
  const keys = new Map<string, { clicks: number; users: Set<string> }>();
  for (const { url, country = 'ZZ', user } of clicks)
    for (const key of [JSON.stringify([url, country]), JSON.stringify([null, null])]) {
      const found = keys.get(key) ?? { clicks: 0, users: new Set<string>() };
      keys.set(key, found);
      found.clicks += 1;
      if (user !== undefined) found.users.add(user);
    }
  return [...keys].map(([key, found]) => {
    const [url, country] = JSON.parse(key) as [string | null, string | null];
    return { url, country, clicks: found.clicks, users: found.users.size };
  });
}

const sorted = (lines: readonly Line[]): string[] => lines.map((line) => JSON.stringify(line)).sort();

describe('metrics --merge', () => {
  let aggregation: Aggregation;
  let config: string;
  const said: string[] = [];

  before(async () => {
    aggregation = await setUpAggregation('merge');
    await aggregation.send([...CLICKS, ...CROWD]);
    await aggregation.runAll();
    config = join(tmpdir(), `${aggregation.installation.config.name}.yaml`);
    writeFileSync(config, aggregation.installation.yaml);
  });
  after(() => aggregation.close());

  const merged = async (options: MetricsOptions) => {
    said.length = 0;
    const { config, servers } = aggregation.installation;
    const rows = [];
    for await (const batch of mergeUsers(config, servers, toMergeQuery(options), {
      signal: AbortSignal.timeout(60_000),
      progress: (text) => void said.push(text),
    }))
      rows.push(...batch);
    return rows;
  };
  const lines = async (options: MetricsOptions): Promise<Line[]> =>
    (await merged(options)).map(({ url, country, clicks, users, exact }) => {
      assert.ok(exact, 'few enough to be exact');
      return { url, country, clicks: Number(clicks), users: Number(users) };
    });
  const between = (from: string, to: string): Click[] =>
    CLICKS.filter(({ time }) => microsOf(time) >= microsOf(from) && microsOf(time) < microsOf(to));

  const ranges: [string, string][] = [
    ['2025-12-31T22:00:00Z', '2026-01-01T02:00:00Z'],
    ['2025-11-28T05:00:00Z', '2026-03-01T07:00:00Z'],
    ['2025-12-30T00:00:00Z', '2026-02-01T00:00:00Z'],
  ];
  for (const [from, to] of ranges)
    test(`${from} to ${to}: the different people of each key and of all, while nobody may read a click`, async () => {
      const { postgres } = aggregation.installation;
      const locking = await postgres.pool.connect();
      try {
        await locking.query('BEGIN; LOCK TABLE click_data, geo_data IN ACCESS EXCLUSIVE MODE');
        assert.deepEqual(sorted(await lines({ from, to })), sorted(counted(between(from, to))));
      } finally {
        await locking.query('ROLLBACK');
        locking.release();
      }
    });

  test('filters by URL, by the beginning of URLs and by country, letter by letter', async () => {
    const to = '2026-04-01T00:00:00Z';
    for (const [options, fits] of [
      [{ url: '/page/1' }, (click: Click) => click.url === '/page/1'],
      [{ url: '/page/*', country: 'de' }, (click: Click) => click.country === 'DE'],
      [{ country: 'ZZ' }, (click: Click) => click.country === undefined],
    ] as const)
      assert.deepEqual(sorted(await lines({ ...options, to })), sorted(counted(CLICKS.filter(fits))));
    assert.deepEqual(await lines({ url: "/page/' OR true --" }), []);
  });

  test('above 4,096 people it is an estimate within three standard errors, and one hour stays exact', async () => {
    const [all, key] = await merged({ from: '2026-05-05', to: '2026-05-07' });
    const people = new Set(CROWD.map((click) => click.user)).size;
    assert.equal(key?.url, '/crowd');
    for (const row of [all, key]) {
      assert.equal(row?.exact, false);
      assert.ok(Math.abs(Number(row?.users) - people) < people * THREE_ERRORS, `${row?.users} of ${people}`);
    }
    const [hour] = await merged({ from: '2026-05-06T09:00Z', to: '2026-05-06T10:00Z' });
    assert.deepEqual([hour?.users, hour?.exact], [5000n, true]);
  });

  test('the command prints the keys and last all of them, in a table, in CSV and as NDJSON', async () => {
    const range = ['--from', '2025-12-30', '--to', '2026-01-03T07:00'];
    const run = (...more: string[]) => cli(['--config', config, 'metrics', '--merge', ...range, ...more]);
    const expected = counted(between('2025-12-30T00:00:00Z', '2026-01-03T07:00:00Z'));
    const all = expected.find((line) => line.url === null);
    const [table, csv, json] = await Promise.all([run(), run('--csv', '--limit', '2'), run('--json')]);
    assert.match(
      table.stdout,
      /^people from 2025-12-30 to 2026-01-03 07:00 \(UTC\)\nURL +country +clicks +people/,
    );
    assert.match(table.stdout, new RegExp(`all of these +${all?.clicks} +${all?.users} +exact\n$`));
    const csvLines = csv.stdout.trimEnd().split('\n');
    assert.equal(
      csvLines[0],
      'from,to,url,country,click_count,unique_users,unique_users_exact,unique_users_error',
    );
    assert.equal(csvLines.length, 4);
    const bounds = '2025-12-30T00:00:00.000Z,2026-01-03T07:00:00.000Z';
    assert.equal(csvLines[3], `${bounds},,,${all?.clicks},${all?.users},true,0`);
    const objects = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(objects.length, expected.length);
    assert.deepEqual(objects.at(-1), {
      from: '2025-12-30T00:00:00.000Z',
      to: '2026-01-03T07:00:00.000Z',
      url: null,
      country: null,
      click_count: all?.clicks,
      unique_users: all?.users,
      unique_users_exact: true,
      unique_users_error: 0,
    });
  });

  test('a range without clicks is nobody, an unreachable Spark exits 3', async () => {
    const run = (env: Record<string, string>, ...more: string[]) =>
      cli(['--config', config, 'metrics', '--merge', ...more], { env });
    const [empty, unreachable] = await Promise.all([
      run({}, '--from', '2027-01-01', '--to', '2027-01-02', '--json'),
      run({ SPARK_REMOTE: 'sc://127.0.0.1:9' }),
    ]);
    assert.equal(empty.code, 0, empty.stderr);
    assert.match(empty.stdout, /"click_count":0,"unique_users":0,"unique_users_exact":true/);
    assert.equal(unreachable.code, 3);
    assert.match(unreachable.stderr, /Spark Connect at 127\.0\.0\.1:9/);
  });

  test('says how many hours of the range are not computed yet', async () => {
    await aggregation.installation.rows(
      "INSERT INTO window_mark (window_start, batch_id) VALUES ('2026-01-01T05:00Z', 't'), ('2026-01-02T05:00Z', 't')",
    );
    await merged({ from: '2026-01-01', to: '2026-01-02' });
    assert.match(said.join(), /wait to be computed by the next run: 1$/);
    await aggregation.runAll();
  });

  test('a damaged sketch is named by figure and window, and gone once its day is computed again', async () => {
    for (const sketch of ["'\\xdeadbeef'", 'substr(users_sketch, 1, octet_length(users_sketch) - 3)']) {
      const [row] = await aggregation.installation.rows(
        `WITH one AS (SELECT figure_id FROM click_metrics WHERE grain = 'day' AND window_start = '2026-01-02Z'
                      ORDER BY 1 LIMIT 1)
         UPDATE click_metrics m SET users_sketch = ${sketch} FROM one WHERE m.figure_id = one.figure_id
         RETURNING encode(m.figure_id, 'hex') AS id`,
      );
      const named = `day figure ${String(row?.['id'])}, window 2026-01-02T00:00:00.000Z, cannot be read`;
      await assert.rejects(
        merged({ from: '2026-01-02', to: '2026-01-03' }),
        (e) => e instanceof FigureDamaged && e.message.includes(named),
      );
      await aggregation.run({ day: '2026-01-02' });
      await lines({ from: '2026-01-02', to: '2026-01-03' });
    }
  });
});
