import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testName } from '../support/names.js';
import { faultyElasticsearch, type Fault, type FaultyElasticsearch } from '../support/faultyElasticsearch.js';
import { testInstallation, type TestInstallation } from '../clients/elasticsearch/installation.js';
import { indexFigures, type Hour } from './figures.js';
import { startWeb, statusOf, type WebServer } from './webServer.js';

/** As long as a URL may be to be compared, each character nine once it is in an address. */
const LONG = `/${'語'.repeat(8_190)}`;
/** More hours than a series may have. */
const MANY = 5_001;
const HOURS: readonly Hour[] = [
  { hour: '2026-11-28T05', url: LONG, country: 'DE', clicks: 20 },
  { hour: '2026-11-27T05', url: LONG, country: 'DE', clicks: 30 },
  ...Array.from({ length: MANY }, (_, n) => ({
    hour: new Date(Date.UTC(2026, 0, 1, n)).toISOString().slice(0, 13),
    url: '/many',
    country: 'FR',
    clicks: 1,
  })),
];
/** Requests that search at once, and those that wait for it. */
const [AT_ONCE, WAITING] = [4, 32];

/** Within a search's own time, so that what only its end would bring about does not count. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 8_000; !(await holds()); await sleep(20))
    assert.ok(Date.now() < deadline, 'it did not come about');
}

describe('the bounds of the analysis page’s server', () => {
  let figures: TestInstallation;
  let elasticsearch: FaultyElasticsearch;
  let web: WebServer;
  /** What happens to searches from now on, and how many came. */
  let fault: Fault | undefined;
  let searches = 0;

  before(async () => {
    figures = await testInstallation(testName('web limits'));
    await indexFigures(figures, HOURS);
    elasticsearch = await faultyElasticsearch(figures.servers.elasticsearch.url, ({ path }) => {
      if (!path.endsWith('/_search')) return undefined;
      searches += 1;
      return fault;
    });
    web = await startWeb(figures.name, elasticsearch.url);
  });
  after(async () => {
    await web.stop();
    elasticsearch.close();
    await figures.drop();
  });

  const ask = (address: string, signal?: AbortSignal): Promise<Response> =>
    fetch(`${web.url}api/${address}`, signal ? { signal } : {});
  async function get(address: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await ask(address);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const errorOf = (body: Record<string, unknown>) =>
    body['error'] as { readonly parameter?: string; readonly message: string };

  test('one reader too many is told when to come back, and those who went away make room', async () => {
    let open = (): void => undefined;
    fault = { hold: new Promise<void>((resolve) => (open = resolve)) };
    const gone = new AbortController();
    const begun = searches;
    const held = Array.from({ length: AT_ONCE + WAITING + 1 }, () => ask('top?by=url', gone.signal));
    const ends = Promise.allSettled(held);
    try {
      // The others are held: whichever is answered is the one too many.
      const refused = await Promise.race(held);
      assert.equal(refused.status, 503);
      assert.equal(refused.headers.get('retry-after'), '5');
      assert.match(errorOf((await refused.json()) as Record<string, unknown>).message, /wait for their turn/);
      await until(() => searches - begun >= AT_ONCE);
      assert.equal(searches - begun, AT_ONCE);
      gone.abort();
      fault = undefined;
      // Sooner than a search that nobody ended would end by itself.
      await until(async () => (await ask('top?by=url')).status === 200);
    } finally {
      fault = undefined;
      gone.abort();
      open();
      await ends;
    }
  });

  test('a search that ran out of its time is 504, not half an answer, and says what asks for less', async () => {
    fault = 'timedOut';
    try {
      for (const address of ['overview', 'top?by=country']) {
        const { status, body } = await get(address);
        assert.equal(status, 504, address);
        assert.match(errorOf(body).message, /longer than 10 s; a shorter range/);
      }
    } finally {
      fault = undefined;
    }
  });

  test('rights that are missing are 502, a full queue is 503', async () => {
    try {
      for (const [from, to] of [
        [401, 502],
        [403, 502],
        [429, 503],
        [503, 503],
      ] as const) {
        fault = { status: from };
        for (const address of ['overview', 'top?by=url', 'figures?grain=day', 'figures?grain=day&format=csv'])
          assert.equal((await get(address)).status, to, `${from} ${address}`);
      }
    } finally {
      fault = undefined;
    }
  });

  test('a series is bounded also where only the data end it', async () => {
    for (const address of ['overview?grain=hour', 'overview?from=2026-01-01&grain=hour']) {
      const { status, body } = await get(address);
      assert.deepEqual([status, errorOf(body).parameter], [400, 'grain'], address);
    }
    assert.equal((await get('overview?grain=day')).status, 200);
  });

  test('the longest URL that can be compared is a filter, and its page has a next one', async () => {
    const question = `figures?grain=hour&limit=1&sort=click_count&url=${encodeURIComponent(LONG)}`;
    const first = await get(question);
    const second = await get(`${question}&after=${String(first.body['next'])}`);
    const clicks = [first, second].map(
      ({ body }) => (body['rows'] as { click_count: number }[])[0]?.click_count,
    );
    assert.deepEqual(clicks, [30, 20]);
  });

  test('a cursor is good for the question that it came from alone', async () => {
    const { body } = await get('figures?grain=hour&limit=1&country=FR');
    const after = String(body['next']);
    assert.equal((await get(`figures?grain=hour&limit=2&country=FR&after=${after}`)).status, 200);
    for (const other of ['grain=hour&country=DE', 'grain=day&country=FR', 'grain=hour&country=FR&sort=url']) {
      const answer = await get(`figures?${other}&limit=1&after=${after}`);
      assert.deepEqual([answer.status, errorOf(answer.body).parameter], [410, 'after'], other);
    }
  });

  test('HEAD of an export does not read it', async () => {
    const begun = searches;
    const path = '/api/figures?format=csv&grain=hour';
    assert.equal(await statusOf(web.url, { path, method: 'HEAD' }), 200);
    assert.equal(await statusOf(web.url, { path: '/api/top?by=url' }), 200);
    assert.equal(searches - begun, 2);
  });

  test('behind a proxy, on another address, it answers for the names that it was told', async () => {
    const words = ['--host', '0.0.0.0', '--allow-host', 'stats.example'];
    const outside = await startWeb(figures.name, elasticsearch.url, words);
    try {
      const url = outside.url.replace('0.0.0.0', '127.0.0.1');
      for (const [host, status] of [
        ['stats.example', 200],
        ['0.0.0.0', 200],
        ['127.0.0.1', 200],
        ['rebound.example', 421],
      ] as const)
        assert.equal(await statusOf(url, { path: '/', headers: { Host: host } }), status, host);
    } finally {
      await outside.stop();
    }
  });
});
