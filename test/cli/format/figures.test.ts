import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { figureJson, figureTable } from '../../../cli/format/figures.js';
import { CSV_HEADER, figureCsv } from '../../../clients/elasticsearch/index.js';
import { cut, displayWidth } from '../../../cli/format/width.js';
import { humanTime } from '../../../cli/format/numbers.js';
import { checkTableLimit, toMergeQuery, toQuery } from '../../../cli/metrics/options.js';
import { register } from '../../../cli/verbs/metrics.js';
import type { Figure } from '../../../clients/elasticsearch/index.js';
import { UsageError } from '../../../domain/errors.js';

const figure: Figure = {
  grain: 'hour',
  window_start: '2026-11-01T10:00:00Z',
  url: '/a',
  country: 'DE',
  click_count: 1234,
  bot_clicks: 0,
  unique_users: 12,
  unique_users_exact: true,
  timed_clicks: 3,
  total_time_spent_ms: 1000,
  avg_time_spent_ms: 1000 / 3,
  median_time_spent_ms: null,
  p90_time_spent_ms: null,
  version: 1,
};

describe('figures in CSV', () => {
  it('has the columns that scripts rely on', () => {
    assert.equal(
      CSV_HEADER,
      'grain,window_start,url,country,click_count,unique_users,timed_clicks,total_time_spent_ms,avg_time_spent_ms',
    );
    assert.equal(figureCsv(figure), 'hour,2026-11-01T10:00:00Z,/a,DE,1234,12,3,1000,333.333');
  });
  it('leaves the window of a total and the average without timed clicks empty', () => {
    const total: Figure = {
      ...figure,
      grain: 'total',
      window_start: null,
      timed_clicks: 0,
      avg_time_spent_ms: null,
    };
    assert.equal(figureCsv(total), 'total,,/a,DE,1234,12,0,1000,');
  });
  it('quotes what must be quoted and changes nothing else', () => {
    const fields: Record<string, string> = {
      '/a,b': '"/a,b"',
      '/a"b': '"/a""b"',
      '/a\nb': '"/a\nb"',
      '=cmd()': '=cmd()',
      '/é ü': '/é ü',
    };
    for (const [url, field] of Object.entries(fields)) {
      assert.equal(
        figureCsv({ ...figure, url })
          .split('Z,')[1]
          ?.startsWith(`${field},DE`),
        true,
        url,
      );
    }
  });
});

describe('figures in JSON', () => {
  it('writes integers beyond 2^53 digit by digit, and texts as texts', () => {
    const line = figureJson({ ...figure, url: '123', total_time_spent_ms: '9223372036854775807' });
    assert.match(line, /"url":"123"/);
    assert.match(line, /"total_time_spent_ms":9223372036854775807[,}]/);
  });
});

describe('figures in a table', () => {
  it('does not act on escape sequences and direction marks in a URL', () => {
    const text = figureTable('hour', [{ ...figure, url: '/\u001b[31m\r\n\u202ex' }], 120);
    assert.equal(text.split('\n').length, 2);
    assert.match(text, /\\u\{1b\}\[31m\\u\{d\}\\u\{a\}\\u\{202e\}x/);
  });
  it('cuts long URLs and marks estimates', () => {
    const text = figureTable('total', [{ ...figure, url: 'x'.repeat(500), unique_users_exact: false }], 100);
    assert.match(text, /x…/);
    assert.match(text, /~12/);
    assert.ok(Math.max(...text.split('\n').map((line) => line.length)) <= 100);
  });
  it('aligns wide characters, and counts them as the terminal does', () => {
    const urls = ['/plain', '/漢字テスト', '/e\u0301té', '/👩‍👩‍👧', '/\u200bhidden'];
    const lines = figureTable(
      'total',
      urls.map((url) => ({ ...figure, url })),
      100,
    ).split('\n');
    const before = lines.map((line) => displayWidth(line.slice(0, line.search(/country|DE/))));
    assert.deepEqual(
      before,
      lines.map(() => before[0]),
    );
    assert.equal(displayWidth('漢字'), 4);
    assert.equal(displayWidth('e\u0301'), 1);
    assert.equal(cut('漢字テスト', 5), '漢字…');
    assert.equal(cut('漢字テスト', 10), '漢字テスト');
  });
  it('fits a narrow terminal', () => {
    for (const [grain, width] of [
      ['hour', 80],
      ['total', 62],
      ['hour', 58],
      ['total', 40],
    ] as const) {
      const text = figureTable(grain, [{ ...figure, url: '漢/'.repeat(200) }], width);
      assert.ok(Math.max(...text.split('\n').map(displayWidth)) <= width, `${grain} ${width}\n${text}`);
    }
  });
  it('says times as people do', () => {
    const times: [number, string][] = [
      [850, '850 ms'],
      [12_340, '12.3 s'],
      [59_970, '1 min 00 s'],
      [245_000, '4 min 05 s'],
      [3_599_700, '1 h 00 min'],
      [7_620_000, '2 h 07 min'],
      [86_400_000 * 3 + 3_600_000 * 4, '3 d 04 h'],
    ];
    for (const [ms, text] of times) assert.equal(humanTime(ms), text);
  });
});

describe('metrics options', () => {
  it('become a query', () => {
    assert.deepEqual(toQuery({}), { grain: 'total', sort: 'click_count' });
    assert.deepEqual(
      toQuery({ grain: 'day', from: '2026-11-01', to: '2026-11-02T00:00+01:00', country: 'de', limit: '5' }),
      {
        grain: 'day',
        sort: 'click_count',
        country: ['de', 'DE'],
        from: '2026-11-01T00:00:00.000Z',
        to: '2026-11-01T23:00:00.000Z',
        limit: 5,
      },
    );
    assert.deepEqual(toQuery({ url: '/a*' }).url, { prefix: '/a' });
    assert.deepEqual(toQuery({ search: 'red shoes', sort: 'url', order: 'desc' }), {
      grain: 'total',
      sort: 'url',
      order: 'desc',
      words: 'red shoes',
    });
  });
  it('take a value each on the command line', async () => {
    const nothing = (): void => undefined;
    const program = new Command().exitOverride();
    register(program, {
      json: false,
      config: undefined,
      live: false,
      signal: new AbortController().signal,
      out: nothing,
      result: nothing,
      progress: nothing,
      status: nothing,
      exit: nothing,
    });
    const options = ['url', 'country', 'from', 'to', 'sort', 'limit'].flatMap((one) => [`--${one}`, 'x']);
    const parsing = program.parseAsync(['metrics', ...options, '--csv', '--grain', 'week'], { from: 'user' });
    await assert.rejects(parsing, (e) => e instanceof UsageError && /^--grain: .*'week'/.test(e.message));
  });
  it('name the option that is wrong', () => {
    const wrong: [Parameters<typeof toQuery>[0], RegExp][] = [
      [{ grain: 'week' }, /--grain: expected one of hour, day, month, total, got 'week'/],
      [{ sort: 'clicks' }, /--sort: expected one of click_count, /],
      [{ grain: 'day', from: 'yesterday' }, /--from: .*got 'yesterday'/],
      [{ grain: 'day', to: '2026-02-30' }, /--to: .*got '2026-02-30'/],
      [{ grain: 'day', from: '2026-11-02', to: '2026-11-02' }, /--to: expected a time after --from/],
      [{ from: '2026-11-02' }, /--from: the total/],
      [{ order: 'up' }, /--order: expected one of asc, desc, got 'up'/],
      [{ search: ' / ' }, /--search: expected words of the URL, got ' \/ '/],
      [{ limit: '0' }, /--limit/],
      [{ limit: '1e3' }, /--limit/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(
        () => toQuery(options),
        (e) => e instanceof UsageError && message.test(e.message),
      );
    }
  });
});

describe('a table', () => {
  it('has a bound, unlike lines', () => {
    checkTableLimit(undefined);
    checkTableLimit(10_000);
    assert.throws(() => checkTableLimit(10_001), /--limit: a table has at most 10000 rows, got 10001; --csv/);
  });
});

describe('metrics --merge options', () => {
  it('become a range of whole hours', () => {
    assert.deepEqual(
      toMergeQuery({
        merge: true,
        from: '2026-11-01',
        to: '2026-11-02T14:00+05:00',
        url: '/a*',
        country: 'de',
      }),
      {
        range: { from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 10, 2, 9) },
        sort: 'unique_users',
        url: { prefix: '/a' },
        country: ['de', 'DE'],
      },
    );
    assert.deepEqual(toMergeQuery({ merge: true }).range, { from: -Infinity, to: Infinity });
  });
  it('name the option that is wrong', () => {
    const wrong: [Parameters<typeof toMergeQuery>[0], RegExp][] = [
      [{ grain: 'day' }, /--grain: with --merge there is one figure/],
      [{ sort: 'avg_time_spent_ms' }, /--sort: expected one of unique_users, /],
      [{ search: 'shoes' }, /--search: with --merge/],
      [{ order: 'asc' }, /--order: with --merge/],
      [
        { from: '2026-11-02T14:30' },
        /--from: .*whole hour .*2026-11-02T14:00Z or 2026-11-02T15:00Z, got .*14:30/,
      ],
      [{ to: '2026-11-02T00:00+05:30' }, /--to: .*whole hour .*got 2026-11-01T18:30/],
      [{ from: '2026-11-02', to: '2026-11-02' }, /--to: expected a time after --from/],
    ];
    for (const [options, message] of wrong)
      assert.throws(
        () => toMergeQuery(options),
        (e) => e instanceof UsageError && message.test(e.message),
      );
  });
});
