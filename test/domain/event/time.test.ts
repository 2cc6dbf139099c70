import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { TimeFormat } from '../../../domain/config/config.js';
import { TIME_FORMATS } from '../../../domain/config/grammar.js';
import { daysSince1970 } from '../../../domain/event/civil.js';
import { Rejection } from '../../../domain/event/rejection.js';
import { dateReader, timeReader } from '../../../domain/event/time.js';
import { compileTimePattern, NoPattern } from '../../../domain/event/timePattern.js';
import { openZone } from '../../../domain/event/timeZone.js';

const us = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n;

function read(formats: readonly string[], value: unknown, zone = 'UTC'): string {
  const known = formats.map((format) => TIME_FORMATS.find((one) => one === format) ?? { pattern: format });
  const time = timeReader({ formats: known, zone })(value);
  if (time instanceof Rejection) return time.reason;
  const iso = new Date(Number(time / 1000n)).toISOString();
  return time % 1000n === 0n ? iso : `${iso.slice(0, -1)}${String(time % 1000n).padStart(3, '0')}Z`;
}

describe('a pattern reads', () => {
  const cases: [pattern: string, text: unknown, time: string][] = [
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/Jan/2026:13:05:09 +0100', '2026-01-31T12:05:09.000Z'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/JAN/2026:13:05:09 -0930', '2026-01-31T22:35:09.000Z'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/Jan/2026:13:05:60 +0000', '2026-01-31T13:06:00.000Z'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/Jan/2026:13:05:09', 'unparsable_time'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/Jän/2026:13:05:09 +0100', 'unparsable_time'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/Feb/2026:13:05:09 +0100', 'unparsable_time'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/Jan/2026:24:05:09 +0100', 'unparsable_time'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '31/Jan/2026:13:05:09 +0100 ', 'unparsable_time'],
    ['dd/MMM/yyyy:HH:mm:ss Z', '1/Jan/2026:13:05:09 +0100', 'unparsable_time'],
    ["yyyy-MM-dd'T'HH:mm:ss.SSSXXX", '2026-01-31T13:05:09.123+05:30', '2026-01-31T07:35:09.123Z'],
    ["yyyy-MM-dd'T'HH:mm:ss.SSSSSSX", '2026-01-31T13:05:09.123456Z', '2026-01-31T13:05:09.123456Z'],
    ["yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS", '2026-01-31T13:05:09.123456789', '2026-01-31T13:05:09.123456Z'],
    ['yyyy-MM-dd HH:mm:ss.S', '2026-01-31 13:05:09.1', '2026-01-31T13:05:09.100Z'],
    ['yyyy-MM-dd HH:mm:ss.S', '2026-01-31 13:05:09.12', 'unparsable_time'],
    ["EEE, dd MMM yyyy HH:mm:ss 'GMT'", 'Sat, 31 Jan 2026 13:05:09 GMT', '2026-01-31T13:05:09.000Z'],
    ['EEEE d MMMM yyyy', 'Saturday 1 August 2026', '2026-08-01T00:00:00.000Z'],
    ['M/d/yyyy h:mm a', '1/31/2026 1:05 PM', '2026-01-31T13:05:00.000Z'],
    ['MM/dd/yyyy hh:mm:ss a', '01/31/2026 12:05:09 am', '2026-01-31T00:05:09.000Z'],
    ['MM/dd/yyyy hh:mm:ss a', '01/31/2026 12:05:09 pm', '2026-01-31T12:05:09.000Z'],
    ['MM/dd/yyyy hh:mm:ss a', '01/31/2026 13:05:09 pm', 'unparsable_time'],
    ['yyyyMMdd', '20260131', '2026-01-31T00:00:00.000Z'],
    ['yyyyMMdd', 20260131, '2026-01-31T00:00:00.000Z'],
    ['yyyyMMddHHmmssSSS', '20260131130509123', '2026-01-31T13:05:09.123Z'],
    ["yyyy''MM'o''clock'dd", "2026'01o'clock31", '2026-01-31T00:00:00.000Z'],
    ['yyyy年MM月dd日', '2026年01月31日', '2026-01-31T00:00:00.000Z'],
    ['yyyyMMdd', '', 'unparsable_time'],
    ['yyyyMMdd', true, 'wrong_type'],
  ];
  for (const [pattern, text, time] of cases) {
    test(`${String(text)} by ${pattern} as ${time}`, () => assert.equal(read([pattern], text), time));
  }

  test('several spellings of one source, each by the format that fits', () => {
    const formats = ['iso', 'epoch_ms', 'dd/MMM/yyyy:HH:mm:ss Z', 'epoch_s'];
    for (const spelling of [
      '2026-01-31T12:05:09Z',
      '31/Jan/2026:13:05:09 +0100',
      1769861109,
      '1769861109',
      1769861109000,
      '2026-01-31 13:05:09 +01',
    ])
      assert.equal(read(formats, spelling), '2026-01-31T12:05:09.000Z', String(spelling));
  });

  const wrong: [pattern: string, expected: RegExp][] = [
    ['YYYY-MM-DD', /got YYYY; Y is written yyyy/],
    ['yyyy-MM-dd HH:mm:ss z', /got z; z is written Z/],
    ['yyyy-mm-dd', /with a month, MM/],
    ['yyyy-MM', /with a day, dd/],
    ['dd.MM.yy', /got yy; y is written yyyy/],
    ['yyyy-MM-ddTHH:mm', /in quotes such as 'T'; got T/],
    ['yyyy-MM-dd hh:mm', /a \(AM or PM\) beside hh/],
    ['yyyy-MM-dd HH:mm a', /with hh beside a/],
    ['yyyy-MM-dd dd', /with dd or dd, not both/],
    ['yyyy-MM-dd HH hh a', /with HH or hh, not both/],
    ["yyyy-MM-dd'T", /a second quote/],
    ['%Y-%m-%d', /got Y/],
    ['', /with a year/],
  ];
  for (const [pattern, expected] of wrong) {
    test(`not by ${pattern || 'nothing'}`, () => {
      const compiled = compileTimePattern(pattern);
      assert.ok(compiled instanceof NoPattern);
      assert.match(compiled.expected, expected);
    });
  }
});

describe('a time without zone is one of', () => {
  const cases: [zone: string, local: string, utc: string][] = [
    ['UTC', '2026-07-01T12:00:00', '2026-07-01T12:00:00.000Z'],
    ['+05:30', '2026-07-01T12:00:00', '2026-07-01T06:30:00.000Z'],
    ['-0330', '2026-07-01T12:00:00', '2026-07-01T15:30:00.000Z'],
    ['Europe/Berlin', '2026-07-01T12:00:00', '2026-07-01T10:00:00.000Z'],
    ['Europe/Berlin', '2026-01-01T12:00:00', '2026-01-01T11:00:00.000Z'],
    ['Europe/Berlin', '2026-01-01', '2025-12-31T23:00:00.000Z'],
    // Clocks go forward from 02:00 to 03:00 and back from 03:00 to 02:00.
    ['Europe/Berlin', '2026-03-29T01:59:59', '2026-03-29T00:59:59.000Z'],
    ['Europe/Berlin', '2026-03-29T02:30:00', '2026-03-29T01:30:00.000Z'],
    ['Europe/Berlin', '2026-03-29T03:00:00', '2026-03-29T01:00:00.000Z'],
    ['Europe/Berlin', '2026-10-25T01:59:59', '2026-10-24T23:59:59.000Z'],
    ['Europe/Berlin', '2026-10-25T02:30:00', '2026-10-25T00:30:00.000Z'],
    ['Europe/Berlin', '2026-10-25T03:00:00', '2026-10-25T02:00:00.000Z'],
    ['America/New_York', '2026-03-08T02:30:00', '2026-03-08T07:30:00.000Z'],
    ['America/New_York', '2026-11-01T01:30:00', '2026-11-01T05:30:00.000Z'],
    ['Australia/Lord_Howe', '2026-10-04T02:15:00', '2026-10-03T15:45:00.000Z'],
    ['Australia/Lord_Howe', '2026-04-05T01:45:00', '2026-04-04T14:45:00.000Z'],
    ['Asia/Kathmandu', '2026-07-01T12:00:00', '2026-07-01T06:15:00.000Z'],
    ['Europe/Berlin', '2026-07-01T12:00:00Z', '2026-07-01T12:00:00.000Z'],
    ['Europe/Berlin', '2026-07-01T12:00:00-08', '2026-07-01T20:00:00.000Z'],
  ];
  for (const [zone, local, time] of cases) {
    test(`${zone}: ${local} is ${time}`, () => {
      assert.equal(read(['iso'], local, zone), time);
      assert.equal(read(['iso'], local, zone), time, 'from the cache');
    });
  }

  test('no zone that does not exist', () => {
    for (const zone of ['Europe/Bärlin', 'Mars/Phobos', '', '+25:00', '+5', '5', 'Z+1', 'UTC+1'])
      assert.equal(openZone(zone), undefined, zone);
  });

  test('a named zone undoes what the platform’s own calendar does', () => {
    const format = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'Europe/Berlin',
      dateStyle: 'short',
      timeStyle: 'medium',
    });
    const zone = openZone('Europe/Berlin');
    assert.ok(zone);
    const from = Date.UTC(2000, 0, 1) / 1000;
    fc.assert(
      fc.property(fc.integer({ min: from, max: Date.UTC(2100, 0, 1) / 1000 }), (seconds) => {
        const local = format.format(seconds * 1000);
        const found = zone.toUtc(Date.parse(`${local.replace(' ', 'T')}Z`) / 1000);
        // Of an hour that comes twice, the first.
        assert.ok(
          found === seconds || (found === seconds - 3600 && format.format(found * 1000) === local),
          local,
        );
      }),
      { numRuns: 2000 },
    );
  });
});

test('times do not depend on the time zone of the process', () => {
  const module = new URL('../../../domain/event/time.js', import.meta.url).href;
  const script = `const { timeReader } = await import(${JSON.stringify(module)});
    const read = (formats, zone, value) => String(timeReader({ formats, zone })(value));
    console.log(read(['iso'], 'UTC', '2026-07-01T12:00:00'), read(['iso'], 'Europe/Berlin', '2026-03-29T02:30:00'),
      read([{ pattern: 'dd/MMM/yyyy:HH:mm:ss' }], 'UTC', '31/Jan/2026:13:05:09'), read(['iso'], 'UTC', '2026-01-31'))`;
  const run = (TZ: string): string => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TZ },
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    return stdout;
  };
  const expected = ['2026-07-01T12:00Z', '2026-03-29T01:30Z', '2026-01-31T13:05:09Z', '2026-01-31T00:00Z'];
  assert.equal(run('Asia/Kolkata'), `${expected.map((iso) => us(iso)).join(' ')}\n`);
  assert.equal(run('America/St_Johns'), run('UTC'));
});

test('a date column takes a date, a day of the event’s spelling, or the UTC day of a time', () => {
  const day = (formats: readonly TimeFormat[], zone: string, value: unknown): string | undefined => {
    const days = dateReader({ formats, zone })(value);
    return days === undefined ? undefined : new Date(days * 86_400_000).toISOString().slice(0, 10);
  };
  const cases: [formats: TimeFormat[], value: unknown, day: string | undefined][] = [
    [['epoch_ms'], '2026-01-31', '2026-01-31'],
    [['iso'], '2026-01-31T23:30:00', '2026-01-31'],
    [['iso'], '2026-01-31T23:30:00-02:00', '2026-02-01'],
    [['iso'], '1969-12-31T00:00:00Z', '1969-12-31'],
    [[{ pattern: 'yyyyMMdd' }], '20260131', '2026-01-31'],
    [[{ pattern: 'yyyyMMdd' }, 'epoch_s'], 20260131, '2026-01-31'],
    [['epoch_s'], 20260131, undefined],
    [['epoch_s'], 1769900400, '2026-01-31'],
    [['epoch_ms'], '2026-01-31T00:00:00Z', undefined],
    [['iso'], 1769900400n * 1_000_000n, '2026-01-31'],
    [['iso'], -1n, '1969-12-31'],
    [['iso'], true, undefined],
  ];
  for (const [formats, value, expected] of cases) {
    assert.equal(day(formats, 'UTC', value), expected, String(value));
    assert.equal(day(formats, 'Pacific/Auckland', value), expected, `${String(value)} far in the east`);
  }
});

test('the days of the calendar are those of the platform', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -5, max: 10_000 }),
      fc.integer({ min: -1, max: 14 }),
      fc.integer({ min: -1, max: 33 }),
      (year, month, day) => {
        const date = new Date(0);
        date.setUTCFullYear(year, month - 1, day);
        const real =
          year > 0 &&
          date.getUTCFullYear() === year &&
          date.getUTCMonth() === month - 1 &&
          date.getUTCDate() === day;
        assert.equal(daysSince1970(year, month, day), real ? date.getTime() / 86_400_000 : undefined);
      },
    ),
    { numRuns: 5000 },
  );
});

test('iso reads back every time that JavaScript writes', () => {
  fc.assert(
    fc.property(
      fc.date({
        min: new Date(-62_135_596_800_000),
        max: new Date(253_402_300_799_999),
        noInvalidDate: true,
      }),
      (date) => {
        assert.equal(
          timeReader({ formats: ['iso'], zone: 'Asia/Tokyo' })(date.toISOString()),
          BigInt(date.getTime()) * 1000n,
        );
      },
    ),
  );
});
