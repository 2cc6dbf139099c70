import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { configJsonSchema, effectiveConfig, parseConfig } from '../../../domain/config/parse.js';
import { ConfigurationError } from '../../../domain/errors.js';
import { ROOT } from '../../support/cli.js';

const MINIMAL = `version: 1
name: shop
kafka: { topics: [clicks] }
event:
  time: { from: [t] }
  address: { from: [ip] }
  agent: { from: [ua] }
families:
  click_data:
    url: { type: text, from: [url], required: true }
    user_id: { type: text, from: [user_id, $visitor] }
    is_bot: { type: boolean, from: [$ua.is_bot] }
    spent: { type: bigint, from: [spent] }
    extra: { type: jsonb, from: [extra] }
  geo_data: {}
roles: { url: click_data.url, user: click_data.user_id, bot: click_data.is_bot, time_spent: click_data.spent }
`;

/** Lines of the complaint about MINIMAL with one line replaced. */
function problems(from: string | RegExp, to: string): string[] {
  const text = MINIMAL.replace(from, to);
  assert.notEqual(text, MINIMAL, 'the replacement must change something');
  try {
    parseConfig(text, 'shop.yaml');
  } catch (error) {
    assert.ok(error instanceof ConfigurationError);
    return error.message.split('\n');
  }
  return [];
}

describe('parseConfig', () => {
  test('fills in every default', () => {
    const config = parseConfig(MINIMAL, 'shop.yaml');
    assert.equal(config.kafka.start, 'earliest');
    assert.deepEqual(config.ingest, {
      batch: { records: 100_000, bytes: 64 * 2 ** 20, waitMs: 5000 },
      spool: { bytes: 2 ** 30 },
    });
    assert.deepEqual(config.analyze, {
      scheduleMs: 60_000,
      workflow: 'pipeline',
      sessionTimeoutMs: 1_800_000,
      indexPatienceMs: 300_000,
    });
    assert.deepEqual(config.event.time.formats, ['iso', 'epoch_ms']);
    assert.deepEqual(config.families.user_agent_data, []);
    assert.equal(config.roles.user?.name, 'user_id');
    assert.equal(config.temporal.searchAttributes, true);
  });

  test('reads nested paths, names with dots, array indexes and enrichments', () => {
    const text = MINIMAL.replace('from: [url]', "from: [a.b.0, { path: ['page.url'] }]");
    assert.deepEqual(parseConfig(text, 'f').families.click_data[0]?.from, [
      { kind: 'path', path: ['a', 'b', '0'] },
      { kind: 'path', path: ['page.url'] },
    ]);
    assert.deepEqual(parseConfig(MINIMAL, 'f').families.click_data[1]?.from[1], {
      kind: 'enrichment',
      enrichment: '$visitor',
      field: '',
    });
  });

  test('begins at a time, which it keeps in UTC', () => {
    const text = MINIMAL.replace('topics: [clicks]', 'topics: [clicks], start: 2026-01-31T01:00:00+01:00');
    assert.deepEqual(parseConfig(text, 'f').kafka.start, { time: '2026-01-31T00:00:00.000Z' });
  });

  const wrong: [what: string, from: string | RegExp, to: string, expected: RegExp][] = [
    [
      'a batch that is no number',
      'families:',
      'ingest: { batch: { records: many } }\nfamilies:',
      /^shop\.yaml:8: ingest\.batch\.records: expected a whole number from 1 to 1000000, got "many"$/,
    ],
    [
      'an unknown setting, with the name that was meant',
      'families:',
      'ingest: { batsch: {} }\nfamilies:',
      /^shop\.yaml:8: ingest\.batsch: unknown setting; did you mean batch\?$/,
    ],
    [
      'an unknown top setting',
      'version: 1',
      'version: 1\nzzz: 1',
      /^shop\.yaml:2: zzz: unknown setting; expected one of version, name/,
    ],
    ['__proto__ as a setting', 'version: 1', 'version: 1\n__proto__: { a: 1 }', /^shop\.yaml:2: __proto__: /],
    [
      '__proto__ as a column',
      '    url:',
      '    __proto__: { type: text, from: [a] }\n    url:',
      /^shop\.yaml:10: __proto__: unknown setting$/,
    ],
    [
      'a size in MB',
      'families:',
      'ingest: { batch: { bytes: 32MB } }\nfamilies:',
      /ingest\.batch\.bytes: expected a size from 1KiB to 1GiB/,
    ],
    [
      'a duration without unit',
      'families:',
      'analyze: { session_timeout: 30 }\nfamilies:',
      /session_timeout: expected a duration .* got 30$/,
    ],
    [
      'a key that stands twice',
      'name: shop',
      'name: shop\nname: shop2',
      /^shop\.yaml:3: the key name stands twice/,
    ],
    [
      'a column that stands twice',
      '    extra:',
      '    url: { type: text, from: [a] }\n    extra:',
      /^shop\.yaml:14: the key url stands twice/,
    ],
    ['a name with capitals', 'name: shop', 'name: Shop', /^shop\.yaml:2: name: expected a name/],
    [
      'a name that PostgreSQL reserves',
      'name: shop',
      'name: public',
      /name that PostgreSQL does not reserve/,
    ],
    [
      'a column name with a quote',
      '    extra:',
      `    'a"; DROP TABLE x; --':`,
      /^shop\.yaml:14: .*expected a column name/,
    ],
    [
      'a column that every table has',
      '    extra:',
      '    event_time:',
      /^shop\.yaml:14: families\.click_data\.event_time: expected another name/,
    ],
    ['a column of PostgreSQL itself', '    extra:', '    xmin:', /expected another name: xmin/],
    [
      'a role of a missing column',
      'user: click_data.user_id',
      'user: click_data.user',
      /^shop\.yaml:16: roles\.user: expected a column of families\.click_data, got "click_data\.user"; did you mean click_data\.user_id\?$/,
    ],
    [
      'a role of a missing family',
      'user: click_data.user_id',
      'user: clicks.user',
      /roles\.user: expected family\.column/,
    ],
    [
      'a role of the wrong type',
      'user: click_data.user_id',
      'user: click_data.extra',
      /roles\.user: expected a column of type text, .* of type jsonb/,
    ],
    [
      'time spent as text',
      'time_spent: click_data.spent',
      'time_spent: click_data.url',
      /roles\.time_spent: expected a column of type integer, bigint, double/,
    ],
    [
      'a bot that is no boolean',
      'bot: click_data.is_bot',
      'bot: click_data.url',
      /roles\.bot: expected a column of type boolean/,
    ],
    [
      'a url that is not required',
      ', required: true',
      '',
      /roles\.url: expected a column with required: true/,
    ],
    ['no roles', /^roles.*$/m, '', /roles: expected a mapping, got nothing/],
    ['no time', '  time: { from: [t] }\n', '', /event\.time: expected a mapping, got nothing/],
    [
      'an enrichment without its input',
      '  agent: { from: [ua] }\n',
      '',
      /expected event\.agent to say where \$ua\.is_bot is made from/,
    ],
    [
      'an enrichment in a column of another type',
      '{ type: boolean, from: [$ua.is_bot] }',
      '{ type: integer, from: [$ua.is_bot] }',
      /expected a value of type boolean or text for \$ua\.is_bot, got integer/,
    ],
    [
      'an enrichment that is none',
      '$visitor',
      '$visitors',
      /expected an enrichment \(.*\), perhaps \$visitor, got "\$visitors"$/,
    ],
    [
      'a retention in hours',
      'families:',
      'retention: { clicks: 24h }\nfamilies:',
      /^shop\.yaml:8: retention\.clicks: expected never, or days from 1d to 36500d such as 400d, got "24h"/,
    ],
    [
      'a retention of no day',
      'families:',
      'retention: { dead_letters: 0d }\nfamilies:',
      /^shop\.yaml:8: retention\.dead_letters: expected never, or days/,
    ],
    ['an empty path', 'from: [url]', 'from: [a..b]', /from\[0\]: expected a path/],
    ['an empty list of places', 'from: [url]', 'from: []', /from: expected at least one place/],
    [
      'the same topic twice',
      'topics: [clicks]',
      'topics: [clicks, clicks]',
      /kafka\.topics: expected every topic once/,
    ],
    ['YAML that is none', 'version: 1', 'version: [1', /not valid YAML/],
    ['an unknown tag', 'version: 1', 'version: !!js/function 1', /not valid YAML/],
  ];
  for (const [what, from, to, expected] of wrong) {
    test(`names the line of ${what}`, () => {
      const [first, ...rest] = problems(from, to);
      assert.match(first ?? '', expected);
      assert.ok(rest.length <= 2, rest.join('\n'));
    });
  }

  test('two configurations in one file are told with the line and what to do, in no library’s words', () => {
    assert.throws(
      () => parseConfig(`${MINIMAL.trimEnd()}\n---\n${MINIMAL}`, 'shop.yaml'),
      (error: Error) => {
        const line = MINIMAL.trimEnd().split('\n').length + 1;
        const said = new RegExp(
          `^shop\\.yaml:${line}: expected one configuration, got another one .* a file of its own, and name it with --config$`,
        );
        assert.match(error.message, said);
        return true;
      },
    );
  });

  const TOO_LARGE: [where: string, from: string, to: string, path: string][] = [
    [
      'equals',
      '  time:',
      '  where: [{ not: { field: k, equals: 9007199254740993 } }]\n  time:',
      'event.where[0].not.equals',
    ],
    ['in', '  time:', '  where: [{ field: k, in: [1, 9007199254740993] }]\n  time:', 'event.where[0].in[1]'],
    [
      'not',
      '  time:',
      '  where: [{ not: { not: { field: [l, { id: 9007199254740993 }], in: [1] } } }]\n  time:',
      'event.where[0].not.not.field[1].id',
    ],
    [
      'a constant of type bigint',
      'from: [spent]',
      'from: [spent, { const: 9007199254740993 }]',
      'families.click_data.spent.from[1].const',
    ],
    [
      'a constant of type text',
      'from: [url]',
      'from: [url, { const: 9007199254740993 }]',
      'families.click_data.url.from[1].const',
    ],
    [
      'a path',
      'from: [extra]',
      'from: [{ path: [extra, 9007199254740993] }]',
      'families.click_data.extra.from[0].path[1]',
    ],
    [
      'the name of a member',
      'from: [extra]',
      'from: [{ path: [extra, { 9007199254740993: a }] }]',
      'families.click_data.extra.from[0].path[1].9007199254740993',
    ],
  ];
  for (const [where, from, to, path] of TOO_LARGE) {
    test(`a number that JavaScript would round is refused in ${where}, as it was written`, () => {
      const found = problems(from, to);
      assert.equal(found.length, 1, found.join('\n'));
      assert.ok(found[0]?.includes(`: ${path}: expected a whole number below 2^53`), found[0]);
      assert.match(
        found[0] ?? '',
        /^shop\.yaml:\d+: .*, got 9007199254740993: write it in quotes \('9007199254740993'\)$/,
      );
      assert.deepEqual(problems(from, to.replace(/9007199254740993/, "'9007199254740993'")), []);
    });
  }

  test('a setting that is too large is shown as it was written; doubles and smaller numbers pass', () => {
    assert.deepEqual(problems('event:', 'ingest: { shards: 9007199254740993 }\nevent:'), [
      'shop.yaml:4: ingest.shards: expected a whole number from 1 to 8192, got 9007199254740993',
    ]);
    assert.deepEqual(
      problems('  geo_data: {}', '    d: { type: double, from: [{ const: 1e20 }] }\n  geo_data: {}'),
      [],
    );
    assert.deepEqual(problems('  time:', '  where: [{ field: k, equals: 9007199254740991 }]\n  time:'), []);
  });

  test('names the line of an alias inside of what it names', () => {
    const [first = ''] = problems(
      /extra: .*/,
      'extra:\n      type: jsonb\n      from: &places\n        - extra\n        - *places',
    );
    const line = MINIMAL.split('\n').findIndex((one) => one.includes('from: [extra]')) + 5;
    assert.match(first, new RegExp(`^shop\\.yaml:${line}: .*\\*places.* stands inside of what it names`));
  });

  test('names the line of an alias that names nothing', () => {
    assert.deepEqual(problems('from: [extra]', 'from: *missing'), [
      'shop.yaml:14: not valid YAML: an alias (*missing) names nothing: expected &missing before it',
    ]);
  });

  test('faults of shape hide none of those that need several settings', () => {
    const text = `version: 2
name: shop
kafka: { topics: [clicks], create: { partitions: 0 }, topic: x }
ingest: { shards: 9000, batch: { records: many } }
event:
  time: { from: [t], formats: [iso, yyyy-QQ], zone: 7 }
  adress: { from: [ip] }
  where: [{ equals: x }, { absent: a..b }]
families:
  click_data:
    url: { type: text, from: [url, $weather] }
    click_id: { type: text, from: [a], requird: true }
    spent: { type: number, from: [spent] }
    land: { type: text, from: [$geoip.country] }
    url: { type: text, from: [url, $wether] }
  geo_data: 7
roles: { url: click_data.page, user: click_data.nobody, time_spent: click_data.spent, country: geo_data.land }
`;
    assert.throws(
      () => parseConfig(text, 'f'),
      (error: Error) => {
        const found = error.message.split('\n').map((line) => /^f:(\d+:.*?): /.exec(line)?.[1] ?? line);
        assert.deepEqual(
          found,
          [
            '1: version',
            '3: kafka.create.partitions',
            '3: kafka.topic',
            '4: ingest.shards',
            '4: ingest.batch.records',
            '6: event.time.zone',
            '6: event.time.formats[1]',
            '7: event.adress',
            '8: event.where[0]',
            '8: event.where[1].absent',
            '12: families.click_data.click_id.requird',
            '12: families.click_data.click_id',
            '13: families.click_data.spent.type',
            '15: the key url stands twice in one mapping',
            '15: families.click_data.url.from[1]',
            '16: families.geo_data',
            '17: roles.url',
            '17: roles.user',
          ],
          error.message,
        );
        return true;
      },
    );
  });

  test('reports every problem at once, in the order of the lines', () => {
    const text = MINIMAL.replace('name: shop', 'name: Shop')
      .replace('    extra:', '    ctid:')
      .replace('[$ua.is_bot]', '[$kafka.x]');
    assert.throws(
      () => parseConfig(text, 'f'),
      (error: Error) => {
        const lines = error.message.split('\n').map((line) => Number(line.split(':')[1]));
        assert.deepEqual(
          lines,
          [...lines].sort((a, b) => a - b),
        );
        assert.ok(lines.length >= 2, error.message);
        return true;
      },
    );
    const sound = MINIMAL.replace('name: shop', 'name: Shop').replace('    extra:', '    ctid:');
    assert.throws(() => parseConfig(sound, 'f'), /:2: name: [^]*:14: families\.click_data\.ctid/);
  });

  for (const text of ['', '[]', '7', 'null', '---\na: 1\n---\nb: 2', '&a [*a]', 'a: &x [1]\nb: *y']) {
    test(`refuses ${JSON.stringify(text)} as a ConfigurationError`, () => {
      assert.throws(() => parseConfig(text, 'f'), ConfigurationError);
    });
  }

  test('the effective configuration is a configuration with the same meaning', () => {
    const effective = JSON.stringify(effectiveConfig(MINIMAL, 'f'));
    assert.deepEqual(parseConfig(effective, 'f'), parseConfig(MINIMAL, 'f'));
    assert.match(effective, /"64MiB"/);
  });
});

const SHIPPED = [
  'clickstream.yaml',
  ...readdirSync(path.join(ROOT, 'examples'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => `examples/${file}`),
];

test('the committed JSON Schema is that of the code, and the shipped configurations name it', () => {
  const file = path.join(ROOT, 'docs/clickstream.schema.json');
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), configJsonSchema());
  for (const shipped of SHIPPED) {
    const text = readFileSync(path.join(ROOT, shipped), 'utf8');
    assert.equal(parseConfig(text, shipped).name, (parse(text) as { name: string }).name);
    const [, schema = ''] = /^# yaml-language-server: \$schema=(.+)$/m.exec(text) ?? [];
    assert.equal(path.resolve(ROOT, path.dirname(shipped), schema), file);
  }
});
