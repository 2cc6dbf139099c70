import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import { openDecoders } from '../../../clients/enrich/decoder.js';
import { CopyEncoder, timeInHalves } from '../../../clients/postgres/copyBinary.js';
import { PlainRows } from '../../../clients/postgres/copyPlain.js';
import { familyColumns } from '../../../clients/postgres/families.js';
import type { Config } from '../../../domain/config/config.js';
import { parseConfig } from '../../../domain/config/parse.js';
import type { RecordInBytes } from '../../../domain/event/types.js';
import { FAMILIES } from '../../../domain/names.js';
import { corpusYaml } from '../../corpus/mapping.js';
import { POISON, SENT_MS } from '../../corpus/poison.js';

const SOURCE = { sourceId: 3, topic: 'poison' };
/** Of other records: what stands around a value must not matter. */
const BEFORE = Buffer.from('{"url":"/before"');
const AFTER = Buffer.from('","url":"/after"}}');

const recordOf = (value: Uint8Array | null, timestampMs = SENT_MS): RecordInBytes => {
  const valueFrom = value === null ? -1 : BEFORE.length;
  return {
    partition: 1,
    offset: 17n,
    timestampMs,
    key: null,
    value,
    bytes: Buffer.concat([BEFORE, value ?? Buffer.alloc(0), AFTER]),
    valueFrom,
    valueTo: valueFrom + (value?.length ?? 0),
  };
};

/**
 * Both ways, side by side. Throws unless the short way gives the decoder's bytes, or nothing.
 * @returns whether it gave any
 */
type Compare = (record: RecordInBytes) => boolean;

async function openBoth(config: Config): Promise<Compare> {
  const { decoder, plain } = await openDecoders(config, Buffer.from('a key for tests alone'));
  assert.ok(plain, 'the mapping has a short way');
  const encoders = FAMILIES.map(
    (family) => new CopyEncoder(familyColumns(config, family).map((c) => c.type)),
  );
  const rows = FAMILIES.map((family, i) => {
    const encoder = encoders[i];
    assert.ok(encoder);
    return new PlainRows(encoder, plain, family);
  });
  const keys = (i: number, eventId: Uint8Array, timeUs: number): Parameters<PlainRows['add']>[0] => ({
    high: 1,
    low: 2,
    eventId: i === 0 ? eventId : undefined,
    ...timeInHalves(timeUs),
  });
  return (record) => {
    for (const encoder of encoders) encoder.clear();
    const taken =
      plain.begin(record, SOURCE) &&
      rows.every((family, i) => family.add(keys(i, plain.eventId, plain.eventTimeUs)));
    if (!taken) return false;
    const short = encoders.map((encoder) => encoder.take().toString('latin1'));
    const decoded = decoder(record, SOURCE);
    assert.equal(decoded.kind, 'row', decoded.kind === 'rejected' ? decoded.message : decoded.kind);
    if (decoded.kind !== 'row') return true;
    const { eventId, eventTimeUs, families } = decoded.row;
    for (const [i, family] of FAMILIES.entries())
      encoders[i]?.rowWithKeys(keys(i, eventId, Number(eventTimeUs)), families[family]);
    assert.deepEqual(
      short,
      encoders.map((encoder) => encoder.take().toString('latin1')),
    );
    return true;
  };
}

/** The corpus's mapping, but for what has no short way. */
const mapping = corpusYaml({ name: 'poison', topics: ['poison'] })
  .replace(/^ +(inner|product): .*\n/gm, '')
  .replace(/^ +host: /m, '    path: { type: text, from: [$url.path] }\n$&');

/** JSON as it stands, in a spelling that JSON.stringify would not choose. */
class Spelled {
  constructor(readonly json: string) {}
}

/** JSON, with the spellings that were chosen in it. */
function spell(value: unknown, indent: number | undefined): string {
  if (value instanceof Spelled) return value.json;
  const [comma, colon] = indent === undefined ? [',', ':'] : [` ,\n${' '.repeat(indent)}`, ': '];
  if (Array.isArray(value)) return `[${value.map((one) => spell(one, indent)).join(comma)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  return `{${Object.entries(value)
    .map(([name, of]) => `${JSON.stringify(name)}${colon}${spell(of, indent)}`)
    .join(comma)}}`;
}

describe('plain events', () => {
  let compare: Compare;
  before(async () => {
    compare = await openBoth(parseConfig(mapping, 'poison.yaml'));
  });

  test('poison ends by the short way as by the decoder, or is left to it', () => {
    let taken = 0;
    for (const { bytes, timestampMs } of POISON) {
      const value = bytes();
      // The largest take seconds, and are no plainer than others.
      if ((value?.length ?? 0) < 100_000 && compare(recordOf(value, timestampMs))) taken++;
    }
    assert.ok(taken > 20, `${taken}`);
  });

  const uuid = fc.tuple(fc.uuid(), fc.boolean()).map(([text, up]) => (up ? text.toUpperCase() : text));
  /** A text with one character changed, put in or taken out. */
  const damaged = fc
    .tuple(
      fc.oneof(uuid, fc.ipV4(), fc.constant('2026-01-01T12:34:56.789Z'), fc.integer().map(String)),
      fc.nat(36),
      fc.string({ unit: 'grapheme-ascii', maxLength: 2 }),
      fc.nat(2),
    )
    .map(([whole, at, put, cut]) => whole.slice(0, at) + put + whole.slice(at + cut));
  const text = fc.oneof(
    fc.string({ unit: 'grapheme-ascii' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '',
      '-',
      'direct',
      'a@b.example',
      'https://user:password@host/@',
      'https://user@host:8/',
      '//a:b@c',
      'https://Köln.example/?q=%C3%A9#top',
      '10.0.0.1',
      '10.0.0.256',
      '::ffff:10.0.0.1',
      'fe80::1%eth0',
      '2026-01-01T12:34:56.789Z',
      '2026-01-01T12:34:56Z',
      '2026-01-01T12:34:60.5Z',
      '2026-02-29T00:00:00Z',
      '2026-01-01 01:02+05:30',
      '2026-01-01',
      'ping',
      '7',
      '007',
      '-0',
      '+5',
      '1e3',
      '9007199254740993',
      '\u2028',
      '\ufeff',
      'x'.repeat(2049),
    ),
  );
  const digits = (most: number) =>
    fc.array(fc.nat(9), { minLength: 1, maxLength: most }).map((list) => list.join(''));
  /** A number in any of the spellings that JSON has for it. */
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(digits(3), digits(40), digits(32)).map((whole) => whole.replace(/^0+(?=.)/, '')),
      fc.oneof(
        fc.constantFrom('', '', '.0', '.00', '.50'),
        digits(20).map((fraction) => `.${fraction}`),
      ),
      fc.oneof(
        fc.constantFrom('', '', ''),
        fc
          .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits(3))
          .map((exponent) => exponent.join('')),
      ),
    )
    .map((parts) => new Spelled(parts.join('')));
  const value = fc.oneof(
    text,
    number,
    fc
      .constantFrom(
        '7.0',
        '1e2',
        '1.50',
        '-0',
        '-0.0',
        '1e-400',
        '1e400',
        '1.795409429232e12',
        '1'.repeat(32),
      )
      .map((json) => new Spelled(json)),
    uuid,
    fc.ipV4(),
    damaged,
    fc.integer(),
    fc.double(),
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom(1_767_225_600, 1_767_225_600_000, 1_767_225_600_000_000, -0, 0, 1),
    fc.dictionary(fc.constantFrom('country', 'url', 'x', '@'), fc.oneof(text, number), { maxKeys: 2 }),
    fc.array(fc.oneof(fc.integer(), number), { maxLength: 2 }),
  );
  const FIELDS = [
    'event_id',
    'url',
    'user',
    'session',
    'ip',
    'ua',
    'referrer',
    'note',
    'i',
    'b',
    'd',
    'flag',
  ];
  const MORE = [
    'ts',
    'day',
    'inet',
    'uuid',
    'json',
    'page',
    'geo',
    'l',
    'toString',
    '__proto__',
    'kind',
    't',
  ];
  const field = fc.tuple(fc.constantFrom(...FIELDS, ...MORE), value);
  /** Members in any order, some twice, with or without blanks. */
  const written = (indent: number | undefined, members: readonly (readonly [string, unknown])[]): string =>
    `{${members
      .map(([name, of]) => `${JSON.stringify(name)}:${spell(of, indent)}`)
      .join(indent === undefined ? ',' : ' ,\n')}}`;

  test('any events give the same bytes both ways, and most simple ones go the short way', () => {
    let taken = 0;
    let all = 0;
    const sound = [['t', '2026-01-01T00:00:00.5Z'] as const, ['url', '/a'] as const];
    fc.assert(
      fc.property(
        fc.array(field, { maxLength: 6 }),
        fc.option(fc.nat(2), { nil: undefined }),
        (given, indent) => {
          const named = new Map<string, unknown>([...sound, ...given]);
          all++;
          if (compare(recordOf(Buffer.from(written(indent, [...named]))))) taken++;
          compare(recordOf(Buffer.from(written(indent, [...sound, ...given]))));
        },
      ),
      { numRuns: 4000 },
    );
    assert.ok(taken > all / 10, `${taken} of ${all}`);
  });

  test('a number goes both ways as the same text, wherever it stands and however it is spelled', () => {
    const places = ['event_id', 'url', 'user', 'session', 'ip', 'ua', 'referrer', 'note', 'i', 'b', 'd', 't'];
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(...places), number, (place, spelled) => {
        const named = new Map<string, unknown>([
          ['t', '2026-01-01T00:00:00Z'],
          ['url', '/a'],
          [place, spelled],
        ]);
        if (compare(recordOf(Buffer.from(written(undefined, [...named]))))) taken++;
      }),
      { numRuns: 3000 },
    );
    assert.ok(taken > 300, `${taken}`);
    for (const url of ['7.0', '1e2', '1.50', '-0', '-0.0', '1e-400', '1.795409429232e12', 'true'])
      assert.equal(compare(recordOf(Buffer.from(`{"t":"2026-01-01T00:00:00Z","url":${url}}`))), true, url);
  });

  test('changed and cut bytes give the same bytes both ways, or nothing', () => {
    const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(field, { maxLength: 4 }),
        fc.array(change, { maxLength: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        (given, changes, cut, isCut) => {
          const event = written(undefined, [['t', '2026-01-01T00:00:00Z'], ['url', '/ä'], ...given]);
          const bytes = Buffer.from(event);
          for (const { at, byte } of changes) bytes[Math.floor(at * (bytes.length - 1))] = byte;
          compare(recordOf(isCut ? bytes.subarray(0, Math.ceil(cut * bytes.length)) : bytes));
        },
      ),
      { numRuns: 6000 },
    );
  });

  test('plain are escapes nowhere, and blanks, nesting, letters beyond ASCII and numbers of any form', () => {
    const plain = (more: string): boolean =>
      compare(recordOf(Buffer.from(`{"t":"2026-01-01T00:00:00Z","url":"/"${more}}`)));
    assert.equal(plain(''), true);
    assert.equal(plain(' , "user" : "Jürgen" '), true);
    assert.equal(plain(',"geo":{"country":"DE","x":{"y":1e5}}'), true);
    assert.equal(plain(',"d":-1.5e-3,"i":-7,"b":123456789012345,"flag":false'), true);
    assert.equal(plain(',"unknown":{"deep":{"er":null}}'), true);
    assert.equal(plain(',"user":"a\\nb"'), false);
    assert.equal(plain(',"unknown":[1]'), false);
    assert.equal(plain(',"url":"/twice"'), false);
    assert.equal(plain(',"unknown":01'), false);
    assert.equal(plain(',"unknown":tru'), false);
    assert.equal(plain(','), false);
  });
});
