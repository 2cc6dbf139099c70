/**
 * Every record that ever hurt such a system, each with what must become of it. One list for the decoder alone, for
 * random mixtures, and for the chain on real servers. The mapping is that of `mapping.ts`.
 */
import { gzipSync } from 'node:zlib';
import type { Reason, Value } from '../../domain/event/types.js';

export type Expected =
  /** In the tables: these columns, by `family.column`, letter by letter; `event_time` is µs since 1970. */
  | { readonly place: 'tables'; readonly values: Readonly<Record<string, Value>> }
  | { readonly place: 'dead letters'; readonly reason: Reason; readonly field?: string }
  /** `of`: the name of an earlier row with the same id, which has taken its place. */
  | { readonly place: 'duplicate'; readonly of: string }
  | { readonly place: 'filtered' };

export interface PoisonRow {
  /** A claim; also the id of the event where it has one. */
  readonly name: string;
  /** The record's value. Made at each call: some have 10 MB. */
  readonly bytes: () => Uint8Array | null;
  readonly key?: Uint8Array | null;
  readonly headers?: Readonly<Record<string, Buffer | null | (Buffer | string)[]>>;
  /** ms since 1970; -1: none. Default `SENT_MS`. */
  readonly timestampMs?: number;
  /** To a topic where the broker puts its own time (LogAppendTime) in place of `timestampMs`. */
  readonly appendTime?: boolean;
  readonly expected: Expected;
}

/** When every record was sent; their events are of the day before. */
export const SENT_MS = Date.UTC(2026, 0, 2);
const TIME = '2026-01-01T00:00:00Z';
const us = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n;

type More = Omit<Partial<PoisonRow>, 'name' | 'bytes' | 'expected'>;
/** Fields of a sound event, or JSON text of fields that JSON.stringify would not write. */
type Fields = Readonly<Record<string, unknown>> | string;

/** A sound event named `id`; what `fields` say wins. */
function event(id: string, fields: Fields): Uint8Array {
  const sound = { event_id: id, t: TIME, url: '/poison' };
  if (typeof fields !== 'string') return Buffer.from(JSON.stringify({ ...sound, ...fields }));
  const kept = Object.entries(sound).filter(([key]) => !fields.includes(`"${key}":`));
  return Buffer.from(`${JSON.stringify(Object.fromEntries(kept)).slice(0, -1)},${fields}}`);
}

const kept = (
  name: string,
  fields: Fields | (() => Fields),
  values: Readonly<Record<string, Value>> = {},
  more: More = {},
): PoisonRow => ({
  name,
  bytes: () => event(name, typeof fields === 'function' ? fields() : fields),
  ...more,
  expected: { place: 'tables', values },
});

const dead = (
  name: string,
  fields: Fields | (() => Fields),
  reason: Reason,
  field: string,
  more: More = {},
): PoisonRow => ({
  name,
  bytes: () => event(name, typeof fields === 'function' ? fields() : fields),
  ...more,
  expected: { place: 'dead letters', reason, field },
});

/** A record that is no event at all. */
const noEvent = (
  name: string,
  bytes: () => Uint8Array | string | null,
  reason: Reason,
  more: More = {},
): PoisonRow => ({
  name,
  bytes: () => {
    const made = bytes();
    return typeof made === 'string' ? Buffer.from(made) : made;
  },
  ...more,
  expected: { place: 'dead letters', reason },
});

const hex = (digits: string) => (): Uint8Array => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const brackets = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const objects = (depth: number): string => '{"a":'.repeat(depth) + '0' + '}'.repeat(depth);
const millionKeys = (): string =>
  `{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":${i % 10}`).join(',')}}`;
const MB = 1024 * 1024;
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

const BYTES: readonly PoisonRow[] = [
  noEvent('a tombstone', () => null, 'tombstone'),
  noEvent('a tombstone with a key', () => null, 'tombstone', { key: Buffer.from('user-1') }),
  noEvent('an empty value', () => '', 'empty_value'),
  noEvent('a schema registry in front', hex('00 00000001 02'), 'schema_registry_framing'),
  noEvent('a schema registry before JSON', () => '\0\0\0\0\x07{"url":"/"}', 'schema_registry_framing'),
  noEvent('a single NUL', hex('00'), 'schema_registry_framing'),
  noEvent('gzip', () => gzipSync(event('zipped', {})), 'invalid_utf8'),
  noEvent('a gzip bomb', () => gzipSync(Buffer.alloc(64 * MB)), 'invalid_utf8'),
  noEvent('UTF-16, little end first', () => Buffer.concat([hex('fffe')(), utf16('{}')]), 'invalid_utf8'),
  noEvent(
    'UTF-16, big end first',
    () => Buffer.concat([hex('feff')(), utf16('{}').swap16()]),
    'invalid_utf8',
  ),
  noEvent('UTF-16 without a BOM', () => utf16('{"url":"/"}'), 'not_json'),
  noEvent('an overlong slash', hex('7b22757269223a22c0af227d'), 'invalid_utf8'),
  noEvent('an overlong NUL', hex('22c08022'), 'invalid_utf8'),
  noEvent('a surrogate as UTF-8', hex('22eda08022'), 'invalid_utf8'),
  noEvent('a cut-off character', hex('22e282'), 'invalid_utf8'),
  noEvent('a character beyond Unicode', hex('22f490808022'), 'invalid_utf8'),
  noEvent('a lone continuation byte', hex('228022'), 'invalid_utf8'),
  noEvent('Latin-1', () => Buffer.from('{"url":"/stra\xdfe"}', 'latin1'), 'invalid_utf8'),
  noEvent('blanks', () => ' \t\r\n', 'not_json'),
  noEvent('two BOMs', () => `\ufeff\ufeff${Buffer.from(event('two BOMs', {})).toString()}`, 'not_json'),
  noEvent('10 MB of noise', () => Buffer.alloc(10 * MB, 0x61), 'not_json'),
  noEvent('10 MB that are no UTF-8', () => Buffer.alloc(10 * MB, 0xff), 'invalid_utf8'),
  {
    name: 'a BOM in front is no fault',
    bytes: () => Buffer.concat([hex('efbbbf')(), event('a BOM in front is no fault', {})]),
    expected: { place: 'tables', values: { 'click_data.url': '/poison' } },
  },
];

const JSON_SHAPES: readonly PoisonRow[] = [
  noEvent('cut-off JSON', () => '{"event_id":"cut","url":"/', 'not_json'),
  noEvent('JSON cut off after a backslash', () => '{"url":"/\\', 'not_json'),
  noEvent('data after the end', () => '{"url":"/"} {"url":"/"}', 'not_json'),
  noEvent('two lines in one record', () => '{"url":"/"}\n{"url":"/"}', 'not_json'),
  noEvent('NaN', () => '{"url":"/","i":NaN}', 'not_json'),
  noEvent('Infinity', () => '{"url":"/","d":Infinity}', 'not_json'),
  noEvent('a hexadecimal number', () => '{"url":"/","i":0x10}', 'not_json'),
  noEvent('a number with a leading zero', () => '{"url":"/","i":007}', 'not_json'),
  noEvent('single quotes', () => `{'url':'/'}`, 'not_json'),
  noEvent('a comment', () => '{"url":"/"} // ok', 'not_json'),
  noEvent('a trailing comma', () => '{"url":"/",}', 'not_json'),
  noEvent('a raw NUL in text', () => '{"url":"/\0"}', 'not_json'),
  noEvent('a raw line feed in text', () => '{"url":"/\n"}', 'not_json'),
  noEvent('a line of CSV', () => '2026-01-01,/poison,DE', 'not_json'),
  noEvent('an array', () => '[{"url":"/"}]', 'not_an_object'),
  noEvent('null', () => 'null', 'not_an_object'),
  noEvent('true', () => 'true', 'not_an_object'),
  noEvent('a text', () => '"/poison"', 'not_an_object'),
  noEvent('a number', () => '17', 'not_an_object'),
  noEvent('1e400 alone', () => '1e400', 'not_an_object'),
  noEvent('10,000 brackets', () => brackets(10_000), 'not_an_object'),
  noEvent('1,000,000 brackets', () => brackets(1_000_000), 'not_an_object'),
  noEvent('1,000,000 brackets that do not close', () => '['.repeat(1_000_000), 'not_json'),
  noEvent('1,000,000 objects that do not close', () => '{"a":'.repeat(1_000_000), 'not_json'),
  dead('an object 1,000,000 deep', () => `"json":${objects(1_000_000)}`, 'too_deep', 'click_data.json'),
  dead('a list 100,000 deep', () => `"json":${brackets(100_000)}`, 'too_deep', 'click_data.json'),
  dead('a list 65 deep', () => `"json":${brackets(65)}`, 'too_deep', 'click_data.json'),
  kept('a list 64 deep', `"json":${brackets(64)}`, { 'click_data.json': brackets(64) }),
  kept('depth where no column looks', () => `"junk":${brackets(1_000_000)}`),
  dead('depth as the page', () => `"url":${brackets(10_000)}`, 'wrong_type', 'click_data.url'),
  dead('depth as the time', () => `"t":${brackets(10_000)}`, 'wrong_type', 'event.time'),
  dead('depth as the id', () => `"event_id":${brackets(10_000)}`, 'wrong_type', 'event.id'),
  kept('depth as the address loses no click', () => `"ip":${brackets(10_000)}`, {
    'click_data.visitor': null,
  }),
  kept('a million keys where no column looks', () => `"junk":${millionKeys()}`),
  kept('a million keys as JSON', () => `"json":${millionKeys()}`),
  kept('a million keys beside the columns', () => millionKeys().slice(1, -1)),
  kept('of a key that stands twice the last counts', '"url":"/first","url":"/last"', {
    'click_data.url': '/last',
  }),
  kept('a key of 1 MB', () => ({ ['k'.repeat(MB)]: 1 })),
  kept('an empty key', { '': 1, json: { '': 1 } }, { 'click_data.json': '{"":1}' }),
  dead('no page', { url: undefined }, 'missing_required', 'click_data.url'),
  dead('null as the page', { url: null }, 'missing_required', 'click_data.url'),
  dead('a null spelling as the page', { url: '-' }, 'missing_required', 'click_data.url'),
  dead('an object as the page', { url: {} }, 'wrong_type', 'click_data.url'),
  dead('a list as the page', { url: ['/'] }, 'wrong_type', 'click_data.url'),
  dead('an object as the user', { user: {} }, 'wrong_type', 'click_data.user'),
  dead('an object as the id', { event_id: {} }, 'wrong_type', 'event.id'),
];

const NUMBERS: readonly PoisonRow[] = [
  kept(
    '0 is a value',
    { url: 0, user: 0, i: 0, d: 0, b: 0, flag: 0 },
    {
      'click_data.url': '0',
      'click_data.user': '0',
      'click_data.i': 0,
      'click_data.b': 0n,
      'click_data.d': 0,
      'click_data.flag': false,
    },
  ),
  kept('-0 is 0', '"i":-0,"b":-0,"d":-0.0,"note":-0,"json":-0', {
    'click_data.i': 0,
    'click_data.b': 0n,
    'click_data.d': 0,
    'click_data.note': '0',
    'click_data.json': '0',
  }),
  dead('1e400 as a double', '"d":1e400', 'number_out_of_range', 'click_data.d'),
  dead('-1e400 as a double', '"d":-1e400', 'number_out_of_range', 'click_data.d'),
  dead('1e400 as text in a double', { d: '1e400' }, 'number_out_of_range', 'click_data.d'),
  dead('1e400 as an integer', '"i":1e400', 'number_out_of_range', 'click_data.i'),
  dead('1e400 as a bigint', '"b":1e400', 'number_out_of_range', 'click_data.b'),
  dead('1e400 as text', '"note":1e400', 'number_out_of_range', 'click_data.note'),
  dead('1e400 inside JSON', '"json":[1e400]', 'number_out_of_range', 'click_data.json'),
  dead('1e400 as the time', '"t":1e400', 'unparsable_time', 'event.time'),
  dead('1e400 as the id', '"event_id":1e400', 'number_out_of_range', 'event.id'),
  kept('1e400 where no column looks', '"junk":1e400'),
  kept('the greatest double', '"d":1.7976931348623157e308', { 'click_data.d': Number.MAX_VALUE }),
  kept('the least double', '"d":5e-324', { 'click_data.d': Number.MIN_VALUE }),
  dead('2^53 + 1 as a bigint', '"b":9007199254740993', 'number_out_of_range', 'click_data.b'),
  dead('2^53 + 1 as text', '"note":9007199254740993', 'number_out_of_range', 'click_data.note'),
  dead('2^53 + 1 as the user', '"user":9007199254740993', 'number_out_of_range', 'click_data.user'),
  dead('2^53 + 1 as the id', '"event_id":9007199254740993', 'number_out_of_range', 'event.id'),
  dead('2^53 + 1 inside JSON', '"json":{"a":[9007199254740993]}', 'number_out_of_range', 'click_data.json'),
  kept(
    '2^53 + 1 sent as text',
    { b: '9007199254740993', note: '9007199254740993' },
    {
      'click_data.b': 9007199254740993n,
      'click_data.note': '9007199254740993',
    },
  ),
  kept('2^53 - 1', { b: Number.MAX_SAFE_INTEGER }, { 'click_data.b': 9007199254740991n }),
  kept('the greatest bigint', { b: '9223372036854775807' }, { 'click_data.b': 9223372036854775807n }),
  dead('one above bigint', { b: '9223372036854775808' }, 'number_out_of_range', 'click_data.b'),
  dead('one below bigint', { b: '-9223372036854775809' }, 'number_out_of_range', 'click_data.b'),
  dead('a million digits', () => ({ b: '9'.repeat(1_000_000) }), 'wrong_type', 'click_data.b'),
  dead('one above integer', { i: 2147483648 }, 'number_out_of_range', 'click_data.i'),
  dead('a fraction as an integer', { i: 1.5 }, 'wrong_type', 'click_data.i'),
  dead('an empty text as an integer', { i: '' }, 'wrong_type', 'click_data.i'),
  dead('true as an integer', { i: true }, 'wrong_type', 'click_data.i'),
  dead('NaN in quotes', { d: 'NaN' }, 'wrong_type', 'click_data.d'),
  dead('Infinity in quotes', { d: 'Infinity' }, 'wrong_type', 'click_data.d'),
  dead('another script’s digits', { i: '١٢٣' }, 'wrong_type', 'click_data.i'),
  dead('2 as a boolean', { flag: 2 }, 'wrong_type', 'click_data.flag'),
  dead('yes as a boolean', { flag: 'yes' }, 'wrong_type', 'click_data.flag'),
  dead('30 February', { day: '2026-02-30' }, 'wrong_type', 'click_data.day'),
  dead('a year of five digits', { day: '10000-01-01' }, 'wrong_type', 'click_data.day'),
  dead(
    'a uuid in braces',
    { uuid: '{0123abcd-0000-1000-8000-0000000000ff}' },
    'wrong_type',
    'click_data.uuid',
  ),
];

/** Texts that some program on the way may take for a command; in every field that holds text they are text. */
const INJECTIONS: readonly (readonly [what: string, text: string])[] = [
  ['SQL', `'; DROP TABLE click_data; --`],
  ['a quoted identifier', `"; DROP SCHEMA poison CASCADE; --`],
  ['a parameter', '$1 $2 $$ $body$'],
  ['a template', '${process.exit(1)} {{7*7}} {url} #{1}'],
  ['a shell', '`reboot` $(reboot) ; reboot | reboot'],
  ['the end of a COPY', '\\.'],
  ['the end of a COPY in lines', 'a\n\\.\nb'],
  ['NULL as COPY spells it', '\\N'],
  ['tab, CR and LF', 'a\tb\rc\nd\r\ne'],
  ['backslashes', '\\ \\\\ \\t \\u0000 \\x00'],
  ['a second line of NDJSON', '"}\n{"event_id":"forged","url":"/forged"}'],
  ['ANSI escapes', '\u001b[2J\u001b[31mred\u001b[0m\u009b1m\u0007'],
  ['a second line of a log', 'x\r\n{"level":"error","msg":"forged"}\r\n'],
  ['a script', `<script>alert(1)</script><img src=x onerror="alert(1)">`],
  ['a formula', `=cmd|' /C calc'!A0`],
  ['another formula', '@SUM(1+1)*cmd'],
  ['marks of direction', '\u202egnp.exe\u2066\u2069'],
  ['invisible characters', '\u200b\u200d\ufeff\u00ad'],
  ['line separators', 'a\u2028b\u2029c\u0085d'],
  ['a format string', '%s%n%x %00 %2e%2e/'],
  ['a path', '../../../../etc/passwd'],
  ['a lookup', '${jndi:ldap://127.0.0.1/a}'],
  ['many code points', '🏳️‍🌈👩‍👩‍👧‍👦é\u0301𝕏￿'],
  ['a query of Elasticsearch', '* OR _exists_:url /[a-z]+/ {"match_all":{}}'],
  ['64 KB', `/${'ä'.repeat(32 * 1024)}`.slice(0, 32 * 1024)],
];

const injected = ([what, text]: readonly [string, string]): readonly PoisonRow[] => [
  kept(
    `${what} in every text`,
    {
      url: text,
      session: text,
      note: text,
      geo: { country: text },
      ua: text,
      ip: text,
      json: { [text]: [text] },
    },
    {
      'click_data.url': text,
      'click_data.order': text,
      'click_data.note': text,
      'click_data.json': JSON.stringify({ [text]: [text] }),
      'geo_data.table': text,
      'user_agent_data.user_agent': text,
    },
    { key: Buffer.from(text), headers: { [`x ${what}`]: Buffer.from(text) } },
  ),
  dead(`${what} as a number`, { i: text }, 'wrong_type', 'click_data.i', { key: Buffer.from(text) }),
  dead(`${what} as the time`, { t: text }, 'unparsable_time', 'event.time'),
  dead(`${what} as an address of type inet`, { inet: text }, 'wrong_type', 'click_data.inet'),
];

const TEXTS: readonly PoisonRow[] = [
  ...INJECTIONS.flatMap(injected),
  ...INJECTIONS.filter(([, text]) => text.length < 1024).map(([what, text]) =>
    kept(`${what} as the user`, { user: text }, { 'click_data.user': text }),
  ),
  dead('NUL in the page', { url: '/a\0b' }, 'nul_byte', 'click_data.url'),
  dead('NUL in the user', { user: '\0' }, 'nul_byte', 'click_data.user'),
  dead('NUL in the id', { event_id: 'a\0' }, 'nul_byte', 'event.id'),
  dead('NUL in the country', { geo: { country: 'D\0' } }, 'nul_byte', 'geo_data.table'),
  dead('NUL inside JSON', { json: { a: ['\0'] } }, 'nul_byte', 'click_data.json'),
  dead('NUL in a key of JSON', { json: { 'a\0': 1 } }, 'nul_byte', 'click_data.json'),
  dead('NUL in the agent', { ua: 'curl\0' }, 'nul_byte', 'user_agent_data.user_agent'),
  kept('NUL where no column looks', { junk: '\0', 'a\0': 1 }),
  dead('half a pair in the page', '"url":"/\\ud800"', 'lone_surrogate', 'click_data.url'),
  dead('a pair the wrong way round', '"url":"\\udc00\\ud800"', 'lone_surrogate', 'click_data.url'),
  dead('half a pair inside JSON', '"json":["\\udfff"]', 'lone_surrogate', 'click_data.json'),
  dead('half a pair in the id', '"event_id":"\\ud800"', 'lone_surrogate', 'event.id'),
  kept('a pair in escapes', '"url":"/\\ud83d\\ude00"', { 'click_data.url': '/😀' }),
  kept('a user of 2,048 bytes', { user: 'u'.repeat(2048) }, { 'click_data.user': 'u'.repeat(2048) }),
  dead('a user of 2,049 bytes', { user: 'u'.repeat(2049) }, 'too_long', 'click_data.user'),
  dead('a user of 1,025 umlauts', { user: 'ü'.repeat(1025) }, 'too_long', 'click_data.user'),
  dead('a user of 683 long characters', { user: '中'.repeat(683) }, 'too_long', 'click_data.user'),
  dead('an id of 10 MB', () => ({ event_id: 'i'.repeat(10 * MB) }), 'too_long', 'event.id'),
  kept('a field of 10 MB', () => ({ note: 'n'.repeat(10 * MB) }), { 'click_data.note': 'n'.repeat(10 * MB) }),
  kept('a field of 1 MB', () => ({ note: '\\"\n'.repeat(MB / 4) }), {
    'click_data.note': '\\"\n'.repeat(MB / 4),
  }),
];

const PROTOTYPES: readonly PoisonRow[] = [
  kept('__proto__ as a key', '"__proto__":{"polluted":"own"}', { 'click_data.inherited': 'own' }),
  kept('__proto__ in a list', '"note":[{"__proto__":{"polluted":1}}],"note":"x"', { 'click_data.note': 'x' }),
  kept('constructor.prototype as a key', '"constructor":{"prototype":{"polluted":"own"}}', {
    'click_data.inherited': 'own',
  }),
  kept('what every object has by birth is no data', { l: [1, 2] }, { 'click_data.inherited': null }),
  kept('toString as a key', { toString: 'own' }, { 'click_data.inherited': 'own' }),
  kept('hasOwnProperty as a key', { hasOwnProperty: 1, valueOf: 2, toJSON: 3 }),
  kept('__proto__ inside JSON', '"json":{"__proto__":{"polluted":true}}', {
    'click_data.json': '{"__proto__":{"polluted":true}}',
  }),
  kept('toJSON inside JSON', '"json":{"toJSON":"x"}', { 'click_data.json': '{"toJSON":"x"}' }),
];

const page = (what: string, url: string): PoisonRow => kept(what, { url }, { 'click_data.url': url });

const URLS: readonly PoisonRow[] = [
  kept('a URL of 100 KB', () => ({ url: `/${'x'.repeat(100_000)}` }), {
    'click_data.url': `/${'x'.repeat(100_000)}`,
  }),
  page('an IDN', 'https://bücher.example/straße?q=übung'),
  page('an IDN in Punycode', 'https://xn--bcher-kva.example/'),
  page('javascript:', 'javascript:alert(document.cookie)'),
  page('data:', 'data:text/html;base64,PHNjcmlwdD4='),
  page('percent-encoding that is none', 'https://shop.example/%zz%00%'),
  page('an upper-case host', 'HTTPS://SHOP.EXAMPLE/Path'),
  page('no scheme', '//shop.example/a'),
  page('no scheme and no slashes', 'shop.example/a'),
  page('a relative URL', '../a?b#c'),
  dead('an empty page', { url: '' }, 'missing_required', 'click_data.url'),
  page('a space', ' '),
  page('a port out of range', 'http://shop.example:99999/'),
  page('backslashes for slashes', 'http:\\\\shop.example\\a'),
  page('IPv6 as the host', 'http://[::1%25eth0]:80/'),
];

/** A password is nobody's business in an index that people search; a name alone is kept. */
const secret = (what: string, url: string, stored: string): PoisonRow =>
  kept(what, { url }, { 'click_data.url': stored });

const PASSWORDS: readonly PoisonRow[] = [
  secret('a password in a URL', 'https://me:secret@shop.example/a?b#c', 'https://shop.example/a?b#c'),
  secret('a password with an @', 'https://me:sec@ret@shop.example/', 'https://shop.example/'),
  secret('a password with a colon', 'https://me:se:cret@shop.example/', 'https://shop.example/'),
  secret('a password without a user', 'https://:secret@shop.example/', 'https://shop.example/'),
  secret('a password without a scheme', '//me:secret@shop.example/', '//shop.example/'),
  secret('a password behind blanks', ' \thttps://me:secret@shop.example/', ' \thttps://shop.example/'),
  secret('a password behind backslashes', 'https:\\\\me:secret@shop.example/', 'https:\\\\shop.example/'),
  kept(
    'a password in a URL of another column',
    { note: 'https://me:secret@shop.example/?a@b' },
    { 'click_data.note': 'https://shop.example/?a@b' },
  ),
  kept(
    'what only looks like a password',
    { note: '//note: me@home' },
    { 'click_data.note': '//note: me@home' },
  ),
  secret('a user without a password', 'https://me@shop.example/', 'https://me@shop.example/'),
  secret('an @ in a query', 'https://shop.example/?q=a:b@c', 'https://shop.example/?q=a:b@c'),
  secret('an @ in a path', '/a:b@c', '/a:b@c'),
  kept('a password of a megabyte', () => ({ url: `https://me:${'@:'.repeat(MB / 2)}@shop.example/` }), {
    'click_data.url': 'https://shop.example/',
    'click_data.host': 'shop.example',
  }),
];

/** What the mapping makes of parts of a value: JSON inside text, templates, parts of URLs. */
const PARTS: readonly PoisonRow[] = [
  kept('JSON inside text', { payload: '{"a":["x"]}' }, { 'click_data.inner': 'x' }),
  kept('JSON that was sent as such', { payload: { a: [0] } }, { 'click_data.inner': '0' }),
  kept(
    '__proto__ inside text',
    { payload: '{"__proto__":{"polluted":1},"a":["x"]}' },
    { 'click_data.inner': 'x' },
  ),
  kept('depth inside text', () => ({ payload: brackets(1_000_000) }), { 'click_data.inner': null }),
  dead('text that is no JSON', { payload: '{"a":' }, 'wrong_type', 'click_data.inner'),
  dead('NUL in JSON inside text', { payload: '{"a":["\\u0000"]}' }, 'nul_byte', 'click_data.inner'),
  dead(
    'half a pair in JSON inside text',
    { payload: '{"a":["\\ud800"]}' },
    'lone_surrogate',
    'click_data.inner',
  ),
  dead('1e400 in JSON inside text', { payload: '{"a":[1e400]}' }, 'number_out_of_range', 'click_data.inner'),
  kept(
    'text that a template would fill',
    { aid: '{aid}', params: [{ key: 'ref', value: '{{' }] },
    {
      'click_data.product': '/product/{aid}?{{',
    },
  ),
  kept(
    'a template with a path that climbs',
    { aid: '../..', params: [null, 7, { key: 'ref', value: '\n' }] },
    {
      'click_data.product': '/product/../..?\n',
    },
  ),
  kept('a list that is an object', { aid: 1, params: { key: 'ref' } }, { 'click_data.product': null }),
  kept('a list of a million', () => ({ aid: 1, params: Array.from({ length: 1_000_000 }, () => 0) })),
  dead(
    'NUL in a template',
    { aid: '\0', params: [{ key: 'ref', value: 1 }] },
    'nul_byte',
    'click_data.product',
  ),
  dead(
    'an object in a template',
    { aid: {}, params: [{ key: 'ref', value: 1 }] },
    'wrong_type',
    'click_data.product',
  ),
  kept('a query that cannot be decoded', { url: '/?q=%E0%A4%A' }, { 'click_data.q': '%E0%A4%A' }),
  kept('NUL in a query', { url: '/?q=a%00b' }, { 'click_data.q': 'a%00b' }),
  kept('a query of 100,000 parameters', () => ({ url: `/?${'a=1&'.repeat(100_000)}q=last` }), {
    'click_data.q': 'last',
  }),
  kept(
    'a referrer with NUL loses no click',
    { referrer: '/?utm_campaign=\0' },
    { 'click_data.campaign': 'none' },
  ),
  kept(
    'a host in capitals',
    { url: 'https://SHOP.example:443' },
    {
      'click_data.url': 'https://SHOP.example:443',
      'click_data.host': 'shop.example',
    },
  ),
];

const filtered = (name: string, fields: Fields | (() => Fields)): PoisonRow => ({
  name,
  bytes: () => event(name, typeof fields === 'function' ? fields() : fields),
  expected: { place: 'filtered' },
});

const FILTERED: readonly PoisonRow[] = [
  filtered('a heartbeat', { _heartbeat_: 1 }),
  filtered('a heartbeat with a broken time and no page', { _heartbeat_: 'x', t: 'now', url: null }),
  filtered('a heartbeat of 1,000,000 brackets', () => `"_heartbeat_":${brackets(1_000_000)}`),
  filtered('a heartbeat with NUL in every text', { _heartbeat_: '\0', url: '\0', event_id: '\0' }),
  filtered('a ping', { kind: 'ping' }),
  filtered('a kind that is a number', { kind: 7, i: 'x' }),
  kept('a kind that is an object', { kind: {} }),
];

const address = (what: string, inet: string, ip = inet): PoisonRow =>
  kept(what, { inet, ip }, { 'click_data.inet': inet });
const noAddress = (what: string, text: string): readonly PoisonRow[] => [
  dead(`${what} is no address`, { inet: text }, 'wrong_type', 'click_data.inet'),
  kept(`${what} as the client’s address loses no click`, { ip: text }),
];

const ADDRESSES: readonly PoisonRow[] = [
  address('IPv6', '2001:db8::1'),
  address('IPv4 mapped into IPv6', '::ffff:192.0.2.1'),
  address('a private address', '10.0.0.1'),
  address('loopback', '127.0.0.1'),
  ...noAddress('999.1.1.1', '999.1.1.1'),
  ...noAddress('an address with a zone', 'fe80::1%eth0'),
  ...noAddress('an address with a port', '192.0.2.1:443'),
  ...noAddress('an address in octal', '0300.0000.0002.0001'),
  ...noAddress('nine groups', '1:2:3:4:5:6:7:8:9'),
  ...noAddress('a megabyte of colons', ':'.repeat(MB)),
  kept('a forwarded-for list counts by its first', { ip: '192.0.2.1, 10.0.0.1', ua: 'curl/8' }),
  kept('a list of commas', { ip: ',,,,' }, { 'click_data.visitor': null }),
];

const agent = (what: string, ua: () => string): PoisonRow =>
  kept(`an agent of ${what}`, () => ({ ua: ua(), ip: '192.0.2.1' }));

/** Made to keep regular expressions busy for ever. */
const AGENTS: readonly PoisonRow[] = [
  agent('100,000 brackets', () => `Mozilla/5.0 ${'('.repeat(100_000)}`),
  agent('100,000 blanks', () => `Mozilla/5.0${' '.repeat(100_000)}x`),
  agent('100,000 digits', () => `Version/${'1'.repeat(100_000)}`),
  agent('100,000 dots', () => `Chrome/${'1.'.repeat(50_000)}`),
  agent('1,000 systems', () => 'Android; Linux; '.repeat(1000)),
  agent('names that nest', () => `Mozilla/5.0 (${'compatible; '.repeat(5000)}${'bot'.repeat(5000)}`),
  agent(
    'a device that nests',
    () => `Mozilla/5.0 (Linux; Android 9; ${'SM-'.repeat(100)}${' Build/'.repeat(100)}`,
  ),
  agent('1 MB', () => 'a'.repeat(MB)),
  kept(
    'an agent that is a number',
    { ua: 7 },
    { 'user_agent_data.user_agent': '7', 'user_agent_data.select': null },
  ),
];

const at = (what: string, t: unknown, time: string): PoisonRow => kept(what, { t }, { event_time: us(time) });
const noTime = (what: string, t: unknown): PoisonRow => dead(what, { t }, 'impossible_time', 'event.time');

const TIMES: readonly PoisonRow[] = [
  at('seconds', 1767225600, TIME),
  at('milliseconds', 1767225600000, TIME),
  at('microseconds', 1767225600000000, TIME),
  at('seconds as text with a fraction', '1767225600.25', '2026-01-01T00:00:00.250Z'),
  at('a leap second', '2025-12-31T23:59:60Z', TIME),
  at('the first moment that may be', '2000-01-01T00:00:00Z', '2000-01-01T00:00:00Z'),
  at('24 h in the future', SENT_MS + 86_400_000, '2026-01-03T00:00:00Z'),
  noTime('24 h and 1 ms in the future', SENT_MS + 86_400_001),
  noTime('the last moment of 1999', '1999-12-31T23:59:59.999999Z'),
  noTime('1902', '1902-01-01T00:00:00Z'),
  noTime('2037', '2037-01-01T00:00:00Z'),
  noTime('2999', '2999-01-01T00:00:00Z'),
  noTime('2999 in milliseconds', Date.UTC(2999, 0)),
  noTime('the beginning of 1970', 0),
  noTime('a negative time', -1767225600000),
  noTime('17', 17),
  dead('no time', { t: undefined }, 'missing_required', 'event.time'),
  dead('a time without a date', { t: '12:00:00' }, 'unparsable_time', 'event.time'),
  dead('the hour 24', { t: '2026-01-01T24:00:00Z' }, 'unparsable_time', 'event.time'),
  dead('30 February as the time', { t: '2026-02-30T00:00:00Z' }, 'unparsable_time', 'event.time'),
  dead('a zone of 99 hours', { t: '2026-01-01T00:00:00+99:00' }, 'unparsable_time', 'event.time'),
  dead('a million digits as the time', () => ({ t: '1'.repeat(1_000_000) }), 'unparsable_time', 'event.time'),
  dead('true as the time', { t: true }, 'wrong_type', 'event.time'),
  dead('infinity as a time', { ts: 'infinity' }, 'unparsable_time', 'click_data.ts'),
  dead('a time in the year 10000', { ts: 253402300800000 }, 'impossible_time', 'click_data.ts'),
  kept(
    'the year 1 in a column',
    { ts: '0001-01-01T00:00:00Z' },
    { 'click_data.ts': -62_135_596_800_000_000n },
  ),
  kept('1902 in a column', { ts: '1902-03-01T00:00:00Z' }, { 'click_data.ts': us('1902-03-01T00:00:00Z') }),
];

const KAFKA: readonly PoisonRow[] = [
  kept('no key', {}, {}, { key: null }),
  kept('an empty key of the record', {}, {}, { key: Buffer.alloc(0) }),
  kept('a key of four zero bytes', {}, {}, { key: Buffer.alloc(4) }),
  kept('a key like an abort marker', {}, {}, { key: Buffer.from([0, 0, 0, 0, 0, 0]) }),
  kept('a key of 1 MB of zeros', {}, {}, { key: Buffer.alloc(MB) }),
  kept('null as a header', {}, {}, { headers: { empty: null, '': Buffer.alloc(0), many: ['a', 'b'] } }),
  kept(
    '1,000 headers',
    {},
    {},
    {
      headers: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`h${i}`, Buffer.from(`${i}`)])),
    },
  ),
  kept(
    'no timestamp',
    { t: '2099-12-31T23:59:59Z' },
    { event_time: us('2099-12-31T23:59:59Z') },
    { timestampMs: -1 },
  ),
  dead('no timestamp, and 2100', { t: '2100-01-01T00:00:00Z' }, 'impossible_time', 'event.time', {
    timestampMs: -1,
  }),
  dead('a record sent in 1970', {}, 'impossible_time', 'event.time', { timestampMs: 0 }),
  noEvent('a tombstone sent in the year 5138', () => null, 'tombstone', { timestampMs: 99_999_999_999_999 }),
  noEvent('a tombstone at the end of time', () => null, 'tombstone', {
    timestampMs: Number.MAX_SAFE_INTEGER,
  }),
  kept(
    'a record sent in 1970 to a log that keeps its own time',
    {},
    {},
    { timestampMs: 0, appendTime: true },
  ),
  dead(
    '2099 in a log that keeps its own time',
    { t: '2099-01-01T00:00:00Z' },
    'impossible_time',
    'event.time',
    {
      timestampMs: Date.UTC(2099, 0),
      appendTime: true,
    },
  ),
];

const again = (name: string, of: string, bytes: () => Uint8Array | null, more: More = {}): PoisonRow => ({
  name,
  bytes,
  ...more,
  expected: { place: 'duplicate', of },
});

const TWICE: readonly PoisonRow[] = [
  kept('an event that is sent twice', {}),
  again('sent again', 'an event that is sent twice', () => event('an event that is sent twice', {})),
  again('sent again with another page', 'an event that is sent twice', () =>
    event('an event that is sent twice', { url: '/other' }),
  ),
  dead('a broken line that is sent twice', { i: 'x' }, 'wrong_type', 'click_data.i'),
  again('a broken line sent again', 'a broken line that is sent twice', () =>
    event('a broken line that is sent twice', { i: 'x' }),
  ),
  kept('an id that is a number', { event_id: 17 }),
  again('the same id as text', 'an id that is a number', () => event('17', {})),
  noEvent('a line without an id', () => 'no json', 'not_json'),
  noEvent('the same line again is another', () => 'no json', 'not_json'),
];

export const POISON: readonly PoisonRow[] = [
  ...BYTES,
  ...JSON_SHAPES,
  ...NUMBERS,
  ...TEXTS,
  ...PROTOTYPES,
  ...URLS,
  ...PASSWORDS,
  ...PARTS,
  ...FILTERED,
  ...ADDRESSES,
  ...AGENTS,
  ...TIMES,
  ...KAFKA,
  ...TWICE,
];

/** A sound event, the `i`-th neighbour of poison. */
export const neighbour = (i: number): Uint8Array => event(`neighbour ${i}`, { url: `/neighbour/${i}`, i });
