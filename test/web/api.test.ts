import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cli } from '../support/cli.js';
import { testName } from '../support/names.js';
import { startProxy, type TcpProxy } from '../support/tcpProxy.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';
import { indexFigures, type Hour } from './figures.js';
import { startWeb, statusOf, type WebServer } from './webServer.js';

const BEYOND = 2 ** 60;
const HOURS: readonly Hour[] = [
  { hour: '2026-11-28T05', url: '/a', country: 'DE', clicks: 10, users: 4, timed: 6, totalMs: 60_000 },
  { hour: '2026-11-28T06', url: '/a', country: 'DE', clicks: 5, users: 2 },
  { hour: '2026-11-27T10', url: '/a', country: 'US', clicks: 20, users: 5 },
  {
    hour: '2026-11-27T10',
    url: '/books/long',
    country: 'DE',
    clicks: 8,
    users: 3,
    timed: 2,
    totalMs: 90_000,
  },
  { hour: '2026-10-15T08', url: '/books/long', country: 'FR', clicks: 40, users: 30 },
  { hour: '2026-09-01T00', url: '/ages', country: 'FR', clicks: 1, timed: 1, totalMs: BEYOND },
];

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

describe('the endpoints of the analysis page', () => {
  let figures: TestInstallation;
  let elasticsearch: TcpProxy;
  let web: WebServer;

  before(async () => {
    figures = await testInstallation(testName('web api'));
    await indexFigures(figures, HOURS);
    elasticsearch = await startProxy(new URL(figures.servers.elasticsearch.url).host);
    web = await startWeb(figures.name, `http://127.0.0.1:${elasticsearch.port}`);
  });
  after(async () => {
    await web.stop();
    elasticsearch.close();
    await figures.drop();
  });

  async function get(address: string): Promise<Answer> {
    const response = await fetch(`${web.url}api/${address}`);
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  }
  const totalsOf = async (address: string) => (await get(address)).body['totals'] as Record<string, unknown>;

  test('sums have their coverage, and people are exact in one figure and an upper bound in several', async () => {
    const one = await totalsOf('overview?from=2026-11-28&to=2026-11-29&url=%2Fa');
    assert.deepEqual(one, {
      click_count: 15,
      bot_clicks: 0,
      unique_users: 6,
      unique_users_kind: 'exact',
      timed_clicks: 6,
      total_time_spent_ms: 60_000,
      avg_time_spent_ms: 10_000,
    });
    const several = await totalsOf('overview?from=2026-11-27&to=2026-11-29&country=DE&country=US');
    assert.equal(several['click_count'], 43);
    assert.equal(several['unique_users_kind'], 'at_most');
  });

  test('a sum beyond 2^53 keeps its digits', async () => {
    assert.equal((await totalsOf('overview?q=ages'))['total_time_spent_ms'], String(BigInt(BEYOND)));
  });

  test('the series has the grain that fits the range, and names its first and last window', async () => {
    const grains: Record<string, string> = {
      'overview?from=2026-11-27&to=2026-11-30': 'hour',
      'overview?from=2026-11-01&to=2026-12-01': 'day',
      'overview?from=2026-01-01&to=2027-01-01': 'month',
      'overview?from=2026-01-02&to=2027-01-01': 'day',
      overview: 'day',
      'overview?country=US': 'hour',
      'overview?from=2026-11-01&to=2026-12-01&grain=hour': 'hour',
    };
    for (const [address, grain] of Object.entries(grains)) {
      const { body } = await get(address);
      assert.equal((body['range'] as Record<string, unknown>)['grain'], grain, address);
    }
    const { range, series } = (await get('overview?from=2026-11-01&to=2026-12-01')).body;
    const { first, last } = range as Record<string, unknown>;
    assert.deepEqual([first, last], ['2026-11-27T00:00:00.000Z', '2026-11-28T00:00:00.000Z']);
    assert.deepEqual(
      (series as Record<string, unknown>[]).map(({ window_start, click_count }) => [
        window_start,
        click_count,
      ]),
      [
        ['2026-11-27T00:00:00.000Z', 28],
        ['2026-11-28T00:00:00.000Z', 15],
      ],
    );
  });

  test('the period before has the same length, in months where the range is months', async () => {
    const day = (await get('overview?from=2026-11-28&to=2026-11-29&compare=previous')).body;
    assert.equal((day['previous'] as Record<string, unknown>)['click_count'], 28);
    const months = (await get('overview?from=2026-11-01&to=2026-12-01&compare=previous')).body;
    assert.deepEqual(months['previous_range'], {
      from: '2026-10-01T00:00:00.000Z',
      to: '2026-11-01T00:00:00.000Z',
    });
    assert.equal((months['previous'] as Record<string, unknown>)['click_count'], 40);
    assert.equal((await get('overview?compare=previous')).body['previous'], null);
  });

  test('top lists are sorted by any figure, bounded, and say whether there is more', async () => {
    const keys = async (address: string) => {
      const { rows, more } = (await get(`top?${address}`)).body as { rows: { key: string }[]; more: boolean };
      return [rows.map(({ key }) => key), more];
    };
    assert.deepEqual(await keys('by=url'), [['/books/long', '/a', '/ages'], false]);
    assert.deepEqual(await keys('by=url&limit=1'), [['/books/long'], true]);
    assert.deepEqual(await keys('by=url&sort=avg_time_spent_ms'), [['/ages', '/books/long', '/a'], false]);
    assert.deepEqual(await keys('by=country&sort=avg_time_spent_ms'), [['FR', 'DE', 'US'], false]);
    assert.deepEqual(await keys('by=country&sort=avg_time_spent_ms&limit=2'), [['FR', 'DE'], true]);
    assert.deepEqual(await keys('by=country&sort=unique_users&from=2026-11-27'), [['DE', 'US'], false]);
    assert.deepEqual(await keys('by=url&q=long+boo'), [['/books/long'], false]);
  });

  test('figures come page by page by a cursor, or all of them as CSV', async () => {
    const seen: unknown[] = [];
    for (let next: string | null = ''; next !== null;) {
      const { body } = await get(`figures?grain=hour&limit=4${next === '' ? '' : `&after=${next}`}`);
      seen.push(...(body['rows'] as Record<string, unknown>[]).map(({ click_count }) => click_count));
      next = body['next'] as string | null;
    }
    assert.deepEqual(seen, [40, 20, 10, 8, 5, 1]);
    const csv = await fetch(`${web.url}api/figures?format=csv&grain=total&country=us`);
    assert.match(csv.headers.get('content-disposition') ?? '', /^attachment; filename="/);
    const [head, ...lines] = (await csv.text()).trimEnd().split('\n');
    assert.match(head ?? '', /^grain,window_start,url,country,click_count,/);
    assert.deepEqual(lines, ['total,,/a,US,20,5,0,0,']);
  });

  test('what is asked wrongly is answered by the name of the parameter', async () => {
    const wrong: Record<string, [number, string | undefined]> = {
      'overview?frob=1': [400, 'frob'],
      'overview?from=yesterday': [400, 'from'],
      'overview?from=2026-11-28T05:30Z': [400, 'from'],
      'overview?from=2026-02-30': [400, 'from'],
      'overview?from=2026-11-29&to=2026-11-28': [400, 'to'],
      'overview?from=2026-11-28&from=2026-11-27': [400, 'from'],
      'overview?grain=week': [400, 'grain'],
      'overview?from=2026-11-27&to=2026-11-29&grain=month': [400, 'from'],
      'overview?from=2000-01-01&to=2026-01-01&grain=hour': [400, 'grain'],
      'overview?country=': [400, 'country'],
      'overview?country=%00': [400, 'country'],
      [`top?by=url&country=${'x'.repeat(8_192)}`]: [400, 'country'],
      'figures?grain=day&url=': [400, 'url'],
      'figures?grain=day&url=%2Fa%00': [400, 'url'],
      'figures?grain=day&url=%ff': [400, 'url'],
      'figures?grain=day&url=%ED%A0%80': [400, 'url'],
      'figures?grain=day&url=100%': [400, 'url'],
      'overview?q=%00': [400, 'q'],
      'overview?%ff=1': [400, '%ff'],
      [`overview?q=${'x'.repeat(201)}`]: [400, 'q'],
      [`overview?url=${'x'.repeat(8_192)}`]: [400, 'url'],
      'overview?compare=next': [400, 'compare'],
      top: [400, 'by'],
      'top?by=browser': [400, 'by'],
      'top?by=url&limit=251': [400, 'limit'],
      'top?by=url&limit=0': [400, 'limit'],
      'top?by=url&sort=fame': [400, 'sort'],
      figures: [400, 'grain'],
      'figures?grain=total&from=2026-11-28': [400, 'grain'],
      'figures?grain=day&limit=1001': [400, 'limit'],
      'figures?grain=day&format=pdf': [400, 'format'],
      'figures?grain=day&format=csv&after=x': [400, 'after'],
      'figures?grain=day&after=x': [410, 'after'],
      nothing: [404, undefined],
    };
    for (const [address, [status, parameter]] of Object.entries(wrong)) {
      const { status: got, body } = await get(address);
      const { error } = body as { error: { parameter?: string; message: string } };
      assert.deepEqual([got, error.parameter], [status, parameter], address);
      assert.ok(error.message.length > 10, address);
    }
  });

  test('Elasticsearch down is 503 and says when to come back; it is asked again at once afterwards', async () => {
    await elasticsearch.refuse();
    try {
      const { status, headers, body } = await get('overview');
      assert.equal(status, 503);
      assert.equal(headers.get('retry-after'), '5');
      assert.match((body as { error: { message: string } }).error.message, /Elasticsearch/);
    } finally {
      await elasticsearch.accept();
    }
    assert.equal((await get('overview')).status, 200);
  });

  const raw = (options: Parameters<typeof statusOf>[1]): Promise<number> => statusOf(web.url, options);

  test('it only reads, only for its own name, and only what the build made', async () => {
    assert.equal(await raw({ path: '/api/overview', method: 'POST' }), 405);
    assert.equal(await raw({ path: '/api/overview', method: 'HEAD' }), 200);
    assert.equal(await raw({ path: '/', headers: { Host: 'rebound.example' } }), 421);
    assert.equal(await raw({ path: '/', headers: { Host: 'LOCALHOST:1' } }), 200);
    assert.equal(await raw({ path: '//' }), 404);
    for (const path of ['/../package.json', '/..%2fpackage.json', '//etc/passwd', '/.stamp', '/index.html'])
      assert.equal(await raw({ path }), 404, path);
  });

  test('the page may run its own scripts alone, and is asked for again while its files never are', async () => {
    const page = await fetch(web.url);
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    const script = /src="(page-[^"]+\.js)"/.exec(await page.text())?.[1] ?? '';
    const file = await fetch(web.url + script);
    assert.match(file.headers.get('cache-control') ?? '', /immutable/);
    const etag = page.headers.get('etag') ?? '';
    assert.equal((await fetch(web.url, { headers: { 'If-None-Match': etag } })).status, 304);
  });

  test('without PostgreSQL, Kafka and Temporal it shows the figures, and leaves out how fresh they are', async () => {
    const nowhere = { CLICKSTREAM_STATE_DIR: mkdtempSync(path.join(tmpdir(), 'web-alone-')) };
    const unset = Object.keys(process.env).filter((key) =>
      /^(DATABASE_URL|PG|KAFKA_|TEMPORAL_|SPARK_)/.test(key),
    );
    const alone = await startWeb(figures.name, figures.servers.elasticsearch.url, [], {
      ...Object.fromEntries(unset.map((key) => [key, undefined])),
      ...nowhere,
    });
    try {
      const answer = (await (await fetch(`${alone.url}api/overview`)).json()) as Record<string, unknown>;
      assert.equal((answer['totals'] as Record<string, unknown>)['click_count'], 84);
      assert.deepEqual(answer['freshness'], {
        last_window: '2026-11-28T06:00:00.000Z',
        last_event: null,
        last_run: null,
        lag_records: null,
        runs_url: null,
        index_in_step: null,
      });
    } finally {
      await alone.stop();
      rmSync(nowhere.CLICKSTREAM_STATE_DIR, { recursive: true, force: true });
    }
  });

  test('wrong options are refused before anything is served', async () => {
    for (const [words, says] of [
      [['--port', '70000'], /--port/],
      [['--port', new URL(web.url).port], /in use/],
      [['--host', '192.0.2.1', '--port', '0'], /--host/],
    ] as const) {
      const { code, stderr } = await cli(['web', ...words]);
      assert.equal(code, 2, words.join(' '));
      assert.match(stderr, says);
    }
  });
});
