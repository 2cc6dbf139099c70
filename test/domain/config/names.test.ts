import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { parseConfig } from '../../../domain/config/parse.js';
import { ConfigurationError } from '../../../domain/errors.js';

const BASE = `version: 1
name: shop
kafka: { topics: [clicks] }
event:
  time: { from: [t] }
families:
  click_data:
    url: { type: text, from: [url], required: true }
    user_id: { type: text, from: [user] }
roles: { url: click_data.url, user: click_data.user_id }
`;

/** Names that would be commands where somebody forgot to quote. */
const HOSTILE: readonly string[] = [
  `'; DROP TABLE click_data; --`,
  `a"; DROP SCHEMA shop CASCADE; --`,
  '`reboot`',
  '$(reboot)',
  '$1',
  '${name}',
  '{url}',
  'a b',
  'a.b.c',
  'a,b',
  'a/../b',
  '../../etc/passwd',
  'a\nb',
  'a\r\nb',
  'a\0b',
  '\u001b[31mred',
  '\u202egnp',
  'ä',
  '表',
  '*',
  '_all',
  '-a',
  '1a',
  'A',
  '',
  ' ',
  'constructor.prototype',
  '<script>',
  '=cmd()',
  'x'.repeat(64),
];

type Document = Record<string, unknown> & {
  kafka: { topics: string[] };
  families: { click_data: Record<string, unknown> };
  roles: Record<string, string>;
  event: Record<string, unknown>;
};

const edited = (edit: (document: Document) => void): string => {
  const document = parse(BASE) as Document;
  edit(document);
  return stringify(document);
};

/** Names in a configuration that become names elsewhere: in SQL, in an index, in a path, in an id. */
const PLACES: readonly (readonly [what: string, edit: (document: Document, name: string) => void])[] = [
  ['the installation', (document, name) => (document['name'] = name)],
  [
    'a column',
    ({ families }, name) => {
      families.click_data[name] = { type: 'text', from: ['a'] };
    },
  ],
  [
    'a family',
    ({ families }, name) => {
      Object.assign(families, { [name]: {} });
    },
  ],
  ['a role’s column', ({ roles }, name) => (roles['user'] = `click_data.${name}`)],
  ['a role', ({ roles }, name) => (roles[name] = 'click_data.url')],
  ['a setting', (document, name) => (document[name] = 1)],
  [
    'a type',
    ({ families }, name) => {
      families.click_data['a'] = { type: name, from: ['a'] };
    },
  ],
];

describe('a hostile name is refused before anything connects, and the refusal obeys it no more', () => {
  for (const [what, edit] of PLACES)
    test(`as the name of ${what}`, () => {
      for (const name of HOSTILE)
        assert.throws(
          () =>
            parseConfig(
              edited((document) => edit(document, name)),
              'shop.yaml',
            ),
          (error) => {
            assert.ok(error instanceof ConfigurationError, `${JSON.stringify(name)}: ${String(error)}`);
            // eslint-disable-next-line no-control-regex -- the control characters are what it is about
            assert.doesNotMatch(error.message, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
            for (const line of error.message.split('\n')) assert.match(line, /^shop\.yaml:\d+: /);
            return true;
          },
          JSON.stringify(name),
        );
    });

  test('as the name of a topic, of which Kafka allows letters, digits, dots, dashes and underscores', () => {
    const allowed = /^[\w.-]+$/;
    for (const name of HOSTILE.filter((name) => !allowed.test(name)))
      assert.throws(
        () =>
          parseConfig(
            edited(({ kafka }) => (kafka.topics = [name])),
            'shop.yaml',
          ),
        ConfigurationError,
        JSON.stringify(name),
      );
  });
});

test('in the event any name can be read: it is data, and becomes no name elsewhere', () => {
  for (const name of HOSTILE.filter((name) => name !== '')) {
    const text = edited(({ families, event }) => {
      families.click_data['a'] = {
        type: 'text',
        from: [{ path: [name] }, { const: name.replaceAll('\0', '') }],
      };
      event['nulls'] = [name];
    });
    const [place] = parseConfig(text, 'shop.yaml').families.click_data.at(-1)?.from ?? [];
    assert.deepEqual(place, { kind: 'path', path: [name] });
  }
});

test('words of SQL are good names of columns: they are quoted', () => {
  for (const name of ['select', 'user', 'order', 'table', 'all', 'desc', 'end', 'null'])
    assert.doesNotThrow(() =>
      parseConfig(
        edited(({ families }) => {
          families.click_data[name] = { type: 'text', from: ['a'] };
        }),
        'shop.yaml',
      ),
    );
});
