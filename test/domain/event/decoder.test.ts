import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { REASONS, type Decoded, type Reason, type Value } from '../../../domain/event/types.js';
import {
  COLUMNS,
  decodeBytes,
  decoderOf,
  decodeText,
  decodeWith,
  MAPPING,
  SENT_MS,
  sha256,
} from './mapping.js';

function column(decoded: Decoded, name: string): Value | undefined {
  assert.equal(
    decoded.kind,
    'row',
    JSON.stringify(decoded, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)),
  );
  return decoded.kind === 'row' ? decoded.row.families.click_data[COLUMNS.indexOf(name)] : undefined;
}

function rejection(decoded: Decoded): {
  reason: Reason;
  field?: string;
  message: string;
  eventId?: Uint8Array;
} {
  assert.equal(decoded.kind, 'rejected');
  if (decoded.kind !== 'rejected') throw new Error();
  return decoded;
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));

describe('a value that does not fit', () => {
  /** What does harm elsewhere stands in test/corpus/poison.ts. */
  const cases: [fields: object, field: string, reason: Reason][] = [
    [{ i: '-2147483649' }, 'click_data.i', 'number_out_of_range'],
    [{ i: '1.0' }, 'click_data.i', 'wrong_type'],
    [{ i: '0x10' }, 'click_data.i', 'wrong_type'],
    [{ d: ' 1' }, 'click_data.d', 'wrong_type'],
    [{ flag: 'maybe' }, 'click_data.flag', 'wrong_type'],
    [{ ts: 'yesterday' }, 'click_data.ts', 'unparsable_time'],
    [{ day: 20260101 }, 'click_data.day', 'wrong_type'],
    [{ uuid: 'x' }, 'click_data.uuid', 'wrong_type'],
    [{ t: 'now' }, 'event.time', 'unparsable_time'],
    [{ t: 1767225600 }, 'event.time', 'impossible_time'],
    [{ t: -5e15 }, 'event.time', 'impossible_time'],
  ];
  for (const [fields, field, reason] of cases) {
    test(`${JSON.stringify(fields)} is rejected as ${reason} of ${field}`, () => {
      const found = rejection(decodeWith(fields));
      assert.deepEqual([found.field, found.reason], [field, reason]);
      assert.ok(REASONS.includes(found.reason));
    });
  }

  test('is named with its column and path, and never shown', () => {
    const { message, eventId } = rejection(decodeWith({ i: 'hunter2' }));
    assert.match(
      message,
      /^click_data\.i, taken from i: expected a whole number from -2147483648 to 2147483647/,
    );
    assert.ok(!message.includes('hunter2'));
    assert.equal(hex(eventId), hex(idOf({})));
  });

  test('is rejected alike without an id of its own, and then carries none', () => {
    assert.equal(rejection(decodeWith({ event_id: undefined, i: 'x' })).eventId, undefined);
  });
});

const idOf = (fields: object): Uint8Array => {
  const decoded = decodeWith(fields);
  return decoded.kind === 'row' ? decoded.row.eventId : bytes();
};

describe('a value that fits', () => {
  const cases: [fields: object, column: string, value: Value][] = [
    [{ url: 0 }, 'url', '0'],
    [{ url: false }, 'url', 'false'],
    [{ url: 'HTTP://EXAMPLE.com:80/%7e?a=b#c' }, 'url', 'HTTP://EXAMPLE.com:80/%7e?a=b#c'],
    [{ url: 'HTTP://u:p@EXAMPLE.com/%7e?a=b#c' }, 'url', 'HTTP://EXAMPLE.com/%7e?a=b#c'],
    [{ url: '', urls: ['/first'] }, 'url', '/first'],
    [{ url: '/😀' }, 'url', '/😀'],
    [{ page: { url: '/nested' } }, 'url', '/nested'],
    [{ url: '-', urls: ['/first'] }, 'url', '/first'],
    [{ url: null, 'page.url': '/dotted' }, 'url', '/dotted'],
    [{ user: 'u'.repeat(2048) }, 'user_id', 'u'.repeat(2048)],
    [{ user: 0 }, 'user_id', '0'],
    [{ ip: '192.0.2.1, 10.0.0.1', ua: 'curl/8' }, 'user_id', 'visitor of 192.0.2.1, curl/8'],
    [{ ip: 7 }, 'user_id', null],
    [{ i: '-2147483648' }, 'i', -2147483648],
    [{ i: 0 }, 'i', 0],
    [{ i: '007' }, 'i', 7],
    [{ b: '9223372036854775807' }, 'b', 9223372036854775807n],
    [{ b: '+5' }, 'b', 5n],
    [{ b: 0 }, 'b', 0n],
    [{ d: '-1.5e3' }, 'd', -1500],
    [{ d: '-0' }, 'd', 0],
    [{ flag: 'TRUE' }, 'flag', true],
    [{ flag: 0 }, 'flag', false],
    [{ ts: '1969-12-31T23:59:59.5Z' }, 'ts', -500_000n],
    [{ day: '1970-01-02' }, 'day', 1],
    [{ day: '1969-12-31T23:30:00-01:00' }, 'day', 0],
    [{ day: '1969-12-31T23:30:00' }, 'day', -1],
    [{ day: 1767225600000 }, 'day', 20454],
    [{ inet: '2001:db8::1' }, 'inet', '2001:db8::1'],
    [{ uuid: 'AAAAAAAA-0000-4000-8000-00000000000F' }, 'uuid', 'aaaaaaaa-0000-4000-8000-00000000000f'],
    [{ json: { a: [1, null, '-'] } }, 'json', '{"a":[1,null,"-"]}'],
    [{ json: nested(64) }, 'json', '['.repeat(64) + ']'.repeat(64)],
    [{ json: null }, 'json', null],
  ];
  for (const [fields, name, value] of cases) {
    test(`${JSON.stringify(fields).slice(0, 60)} gives ${name}`, () => {
      assert.deepEqual(column(decodeWith(fields), name), value);
    });
  }

  test('what every object has by birth is no data; what the event has under such a name is', () => {
    assert.equal(column(decodeWith({ l: [1, 2] }), 'proto'), null);
    const own = '{"t":"2026-01-01","url":"/","__proto__":{"polluted":"own"}}';
    assert.equal(column(decodeText(own), 'proto'), 'own');
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  test('enrichments fill what the event lacks', () => {
    const decoded = decodeWith({ ip: '192.0.2.1', ua: 'bot/1' });
    assert.equal(decoded.kind, 'row');
    if (decoded.kind !== 'row') return;
    assert.deepEqual(decoded.row.families.geo_data, ['DE']);
    assert.deepEqual(decoded.row.families.user_agent_data, ['bot', true]);
  });
});

describe('the time', () => {
  const us = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n;
  const cases: [formats: string, value: unknown, expected: bigint | Reason][] = [
    ['iso', '2026-01-01T00:00:00.123456Z', us('2026-01-01') + 123_456n],
    ['iso', '2026-01-01 01:30:00+01:30', us('2026-01-01')],
    ['iso', '2025-12-31T19:00-0500', us('2026-01-01')],
    ['iso', '2026-01-01T00:00:00', us('2026-01-01')],
    ['iso', '2026-01-01', us('2026-01-01')],
    ['iso', '2025-12-31T23:59:60Z', us('2026-01-01')],
    ['iso', 1767225600000, 'unparsable_time'],
    ['epoch_s', 1767225600, us('2026-01-01')],
    ['epoch_s', 1767225600.25, us('2026-01-01') + 250_000n],
    ['epoch_s', '1767225600.0000019', us('2026-01-01') + 1n],
    ['epoch_s', 1767225600000, 'impossible_time'],
    ['epoch_ms', '1767225600000', us('2026-01-01')],
    ['epoch_us', 1767225600000001, us('2026-01-01') + 1n],
    ['epoch_s, epoch_ms, epoch_us', 1767225600, us('2026-01-01')],
    ['epoch_s, epoch_ms, epoch_us', 1767225600000, us('2026-01-01')],
    ['epoch_s, epoch_ms, epoch_us', 1767225600000000, us('2026-01-01')],
    ['epoch_s, epoch_ms, epoch_us', 17, 'impossible_time'],
  ];
  for (const [formats, value, expected] of cases) {
    test(`${JSON.stringify(value)} as ${formats} is ${expected}`, () => {
      const decode = decoderOf(MAPPING.replace('[iso, epoch_ms]', `[${formats}]`));
      const value_ = Buffer.from(JSON.stringify({ t: value, url: '/' }));
      const record = { partition: 0, offset: 0n, timestampMs: SENT_MS, key: null, value: value_ };
      const decoded = decode(record, { sourceId: 0 });
      if (decoded.kind === 'row') assert.equal(decoded.row.eventTimeUs, expected);
      else assert.equal(decoded.reason, expected);
    });
  }

  test('without a Kafka timestamp may lie up to 2100', () => {
    assert.equal(decodeWith({ t: '2099-12-31T23:59:59Z' }, -1).kind, 'row');
    assert.equal(rejection(decodeWith({ t: '2100-01-01' }, -1)).reason, 'impossible_time');
  });
});

describe('the event id', () => {
  test('is the uuid itself, in either case', () => {
    const uuid = '0123abcd-0000-1000-8000-0000000000ff';
    assert.equal(hex(idOf({ event_id: uuid })), uuid.replaceAll('-', ''));
    assert.equal(hex(idOf({ event_id: uuid.toUpperCase() })), uuid.replaceAll('-', ''));
  });

  test('is made of the SHA-256 of any other text or number, as a uuid of version 8', () => {
    const expected = Buffer.from(sha256(Buffer.from('17'))).subarray(0, 16);
    expected[6] = ((expected[6] ?? 0) & 15) | 0x80;
    expected[8] = ((expected[8] ?? 0) & 63) | 0x80;
    assert.equal(hex(idOf({ event_id: '17' })), hex(expected));
    assert.equal(hex(idOf({ event_id: 17 })), hex(expected));
  });

  test('is made of source and offset when the event has none, an empty or a null one', () => {
    const made = hex(idOf({ event_id: undefined }));
    for (const event_id of ['', null, '-']) assert.equal(hex(idOf({ event_id })), made);
    assert.notEqual(made, hex(idOf({ event_id: '5/3/77' })));
  });
});

test('no value crashes the decoder, pollutes a prototype, or is told by a rejection', () => {
  const secret = 'SECRET';
  const anything = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constant(secret), fc.double());
  const event = fc.dictionary(
    fc.constantFrom(
      't',
      'event_id',
      'url',
      'page',
      'ip',
      'ua',
      'geo',
      '__proto__',
      'constructor',
      ...COLUMNS,
    ),
    fc.oneof(anything, fc.dictionary(fc.constantFrom('url', 'country', '__proto__', 'polluted'), anything)),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        event.map((e) => JSON.stringify({ t: 1767225600000, ...e })),
        fc.string(),
      ),
      (text) => {
        const decoded = decodeText(text);
        if (decoded.kind === 'rejected') assert.ok(!decoded.message.includes(secret));
        assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
      },
    ),
    { numRuns: 2000 },
  );
  fc.assert(fc.property(fc.uint8Array(), (value) => void decodeBytes(value)));
});
