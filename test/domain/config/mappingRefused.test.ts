import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FULL, problems } from './full.js';

/** FULL with the places of `x` replaced. */
const from = (places: string, type = 'text'): string =>
  FULL.replace('{ type: text, from: [x] }', `{ type: ${type}, from: ${places} }`);
const event = (setting: string): string => FULL.replace('event:\n', `event:\n  ${setting}\n`);

describe('a mapping that is wrong is named with its line:', () => {
  const cases: [what: string, text: string, line: number, message: RegExp][] = [
    [
      'an enrichment that is nearly one',
      from('[$ur.host]'),
      15,
      /x\.from\[0\]: expected an enrichment \(\$geoip, .*\), perhaps \$url\.host, got "\$ur\.host"$/,
    ],
    [
      'an enrichment that is none',
      from('[$weather]'),
      15,
      /expected an enrichment \(\$geoip, \$ua, \$url, \$referrer, \$kafka, \$visitor\), got "\$weather"$/,
    ],
    ['a field that is nearly one', from('[$ua.brwser]'), 15, /perhaps \$ua\.browser/],
    [
      'a field that none is',
      from('[$kafka.headers]'),
      15,
      /expected one of \$kafka\.topic, .*, \$kafka\.key, got /,
    ],
    ['an enrichment without its field', from('[$url]'), 15, /expected one of \$url\.scheme, \$url\.host/],
    ['a parameter without a name', from('[$url.query.]'), 15, /perhaps \$url\.query/],
    [
      'an enrichment in a column of another type',
      from('[$kafka.timestamp]'),
      15,
      /expected a value of type timestamptz or date for \$kafka\.timestamp, got text$/,
    ],
    [
      'an id of a time',
      FULL.replace('[id]', '[$kafka.timestamp]'),
      7,
      /event\.id\.from\[0\]: expected a value of type/,
    ],
    [
      'a time of a text',
      FULL.replace('[t]', '[$visitor]'),
      8,
      /event\.time\.from\[0\]: expected a value of type text for \$visitor, got timestamptz$/,
    ],
    [
      'a referrer that nobody said',
      FULL.replace('  referrer: { from: [ref] }\n', '').replace('from: [x]', 'from: [$referrer.host]'),
      14,
      /expected event\.referrer to say where \$referrer\.host is made from/,
    ],
    [
      'a bracket that is no choice',
      from("['a[0].b']"),
      15,
      /expected a path such as page\.url or items\[key=a\]\.value; a name with \. \[ or \]/,
    ],
    ['a bracket that does not close', from("['a[k=v.b']"), 15, /expected a path/],
    ['a dot too many', from('[a.]'), 15, /expected a path/],
    [
      'a choice of two members',
      from('[{ path: [a, { k: 1, l: 2 }] }]'),
      15,
      /expected one member and its text such as \{ key: page_location \}/,
    ],
    [
      'a place of unknown make',
      from('[{ jason: a }]'),
      15,
      /expected a path such as page\.url, .*, got \{"jason":"a"\}$/,
    ],
    [
      'a place with a key too many',
      from('[{ json: a, path: b, c: 1 }]'),
      15,
      /x\.from\[0\]\.c: unknown setting$/,
    ],
    [
      'an index below zero',
      from('[{ path: [a, -1] }]'),
      15,
      /path\[1\]: expected a key, an index from 0 or \{ key: a \}, got -1$/,
    ],
    ['a path of no step', from('[{ path: [] }]'), 15, /path: expected at least one step/],
    ['a choice by a list', from('[{ path: [a, { k: [1] }] }]'), 15, /expected /],
    ['values that are none', event('where: [{ field: a, in: [] }]'), 7, /in: expected at least one value/],
    [
      'a template that does not close',
      from("[{ template: '/{a' }]"),
      15,
      /expected a template with a \} for each \{/,
    ],
    [
      'a template that opens once more before it closes',
      from("[{ template: '/{a/{b}' }]"),
      15,
      /expected a template with a \} for each \{/,
    ],
    [
      'a template that closes too often',
      from("[{ template: '/{a}}' }]"),
      15,
      /expected a template with \}\} for a brace/,
    ],
    [
      'a template of nothing',
      from("[{ template: '/a' }]"),
      15,
      /expected a template with a placeholder such as \{id\}/,
    ],
    ['an empty placeholder', from("[{ template: '/{}' }]"), 15, /expected in \{\} a path/],
    [
      'a placeholder of an unknown enrichment',
      from("[{ template: '/{$urll.host}' }]"),
      15,
      /expected in \{\$urll\.host\} an enrichment \(.*\), perhaps \$url\.host/,
    ],
    [
      'a placeholder that is a time',
      from("[{ template: '{$kafka.timestamp}' }]"),
      15,
      /which is a time and no text/,
    ],
    [
      'a constant that does not fit',
      from('[{ const: many }]', 'integer'),
      15,
      /expected a constant of type integer, got "many"$/,
    ],
    [
      'a constant that hides what follows',
      from('[{ const: a }, b]'),
      15,
      /x\.from\[0\]: expected a constant as the last place/,
    ],
    ['a constant for a list', from('[{ const: [a] }]'), 15, /expected a path such as/],
    [
      'a constant as id',
      FULL.replace('from: [id]', 'from: [{ const: 7 }]'),
      7,
      /expected a place in the event, got the constant 7$/,
    ],
    [
      '$url made of $url',
      FULL.replace('from: [url]', 'from: [url, $url.path]'),
      14,
      /url\.from\[1\]: expected a value that is not made of itself, got the cycle families\.click_data\.url → \$url\.path → families\.click_data\.url$/,
    ],
    [
      'a template made of itself',
      FULL.replace('from: [url]', "from: [{ template: '{$url.host}/' }]"),
      14,
      /got the cycle families\.click_data\.url → \$url\.host/,
    ],
    [
      'a visitor made of visitors',
      FULL.replace('from: [ip]', 'from: [ip, $visitor]'),
      9,
      /got the cycle event\.address → \$visitor → event\.address$/,
    ],
    [
      'a circle of three',
      FULL.replace('from: [url]', 'from: [$referrer.path]')
        .replace('from: [ref]', 'from: [$ua.os]')
        .replace('from: [ua]', 'from: [$url.path]'),
      11,
      /got the cycle .*\$ua\.os.*\$url\.path|got the cycle/,
    ],
    [
      'JSON that is in itself',
      FULL.replace('from: [ref]', 'from: [{ json: $referrer.query, path: a }]'),
      11,
      /got the cycle event\.referrer/,
    ],
    ['a bracket without quotes', from('[p[key=a].v]'), 15, /not valid YAML: .*stands in quotes$/],
    ['a brace without quotes', from('[{ template: /a/{b} }]'), 15, /not valid YAML: .*stands in quotes$/],
    [
      'a condition that is none',
      event('where: [{ missing: a }]'),
      7,
      /event\.where\[0\]: expected \{ absent: a \}, .*, got \{"missing":"a"\}$/,
    ],
    ['two conditions in one', event('where: [{ absent: a, present: b }]'), 7, /event\.where\[0\]: expected/],
    ['a field compared with nothing', event('where: [{ field: a }]'), 7, /event\.where\[0\]: expected/],
    [
      'a condition without a list',
      event('where: { absent: a }'),
      7,
      /event\.where: expected a list of conditions/,
    ],
    [
      'a field of a bad path',
      event('where: [{ not: { field: a..b, equals: 1 } }]'),
      7,
      /event\.where\[0\]\.not\.field: expected a path/,
    ],
    [
      'a condition of an unknown enrichment',
      event('where: [{ present: $uaa.os }]'),
      7,
      /event\.where\[0\]\.present: expected an enrichment \(.*\), perhaps \$ua\.os/,
    ],
    [
      'a pattern of unknown letters',
      FULL.replace('[t]', "[t], formats: [iso, 'YYYY-MM-DD']"),
      8,
      /formats\[1\]: expected iso, epoch_s, epoch_ms, epoch_us or a time pattern .*Y is written yyyy; got "YYYY-MM-DD"$/,
    ],
    [
      'a format that is nearly one',
      FULL.replace('[t]', '[t], formats: [epoch_sec]'),
      8,
      /perhaps epoch_s; got "epoch_sec"$/,
    ],
    [
      'a format that stands twice',
      FULL.replace('[t]', '[t], formats: [iso, iso]'),
      8,
      /expected every format once/,
    ],
    [
      'a zone that is nearly one',
      FULL.replace('[t]', '[t], zone: Europe/Berlim'),
      8,
      /event\.time\.zone: expected UTC, .* got "Europe\/Berlim"; did you mean Europe\/Berlin\?$/,
    ],
    [
      'a zone as a number',
      FULL.replace('[t]', '[t], zone: +2'),
      8,
      /event\.time\.zone: expected UTC, an offset such as "\+05:30"/,
    ],
    [
      'normalize_url as text',
      event('normalize_url: "yes"'),
      7,
      /event\.normalize_url: expected true or false/,
    ],
    [
      'an unknown setting of event',
      event('normalise_url: true'),
      7,
      /event\.normalise_url: unknown setting; did you mean normalize_url\?$/,
    ],
    [
      'an unknown setting of a column',
      from('[x], requird: true'),
      15,
      /x\.requird: unknown setting; did you mean required\?$/,
    ],
    ['an unknown type', from('[x]', 'varchar'), 15, /x\.type: expected one of text, integer/],
    [
      'a name that the view needs for another',
      FULL.replace(
        'roles:',
        '    geo_data_x: { type: text, from: [y] }\n  geo_data:\n    x: { type: text, from: [x] }\nroles:',
      ),
      18,
      /geo_data\.x: expected a name of its own: .* call it geo_data_x, and a column of that name exists$/,
    ],
    [
      'more shards than partitions',
      FULL.replace('shards: 4', 'shards: 5'),
      4,
      /ingest\.shards: expected at most kafka\.create\.partitions \(4\), got 5/,
    ],
  ];
  for (const [what, text, line, message] of cases) {
    test(what, () => {
      assert.notEqual(text, FULL);
      const found = problems(text);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', message);
      assert.match(found[0] ?? '', new RegExp(`^shop\\.yaml:${line}: `));
    });
  }

  test('each of several, on its own line, in their order', () => {
    const text = from('[$weather]')
      .replace('from: [url]', 'from: [$url.path]')
      .replace('from: [id]', 'from: [a..b]')
      .replace('[t]', '[t], zone: Nowhere');
    assert.deepEqual(
      problems(text).map((problem) => /:(\d+):/.exec(problem)?.[1]),
      ['7', '8', '14', '15'],
    );
  });
});
