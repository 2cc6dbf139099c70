import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { openDecoders } from '../../../clients/enrich/decoder.js';
import { CopyEncoder, timeInHalves } from '../../../clients/postgres/copyBinary.js';
import { PlainRows } from '../../../clients/postgres/copyPlain.js';
import { familyColumns } from '../../../clients/postgres/families.js';
import { parseConfig } from '../../../domain/config/parse.js';
import type { PlainEvent } from '../../../domain/event/plain/event.js';
import { Rejection } from '../../../domain/event/rejection.js';
import { timeReader } from '../../../domain/event/time.js';
import type { RecordInBytes, RecordSource } from '../../../domain/event/types.js';
import { corpusYaml } from '../../corpus/mapping.js';

const SOURCE: RecordSource = { sourceId: 3, topic: 'kernel' };
const SENT_MS = Date.UTC(2026, 0, 1);
const FAMILY = 'click_data';
const config = parseConfig(
  corpusYaml({ name: 'kernel', topics: ['kernel'] }).replace(/^ +(inner|product): .*\n/gm, ''),
  'kernel.yaml',
);
const { decoder, plain } = await openDecoders(config, Buffer.from('a key for tests alone'));
const newEncoder = (): CopyEncoder => new CopyEncoder(familyColumns(config, FAMILY).map((c) => c.type));

const eventOf = (user: string): string =>
  JSON.stringify({ event_id: 'x', t: '2026-01-01T00:00:00Z', url: '/', user: 'u', session: user });

const recordIn = (bytes: Uint8Array, valueFrom: number, valueTo: number): RecordInBytes => ({
  partition: 1,
  offset: 17n,
  timestampMs: SENT_MS,
  key: null,
  value: bytes.subarray(valueFrom, valueTo),
  bytes,
  valueFrom,
  valueTo,
});

const keys = { high: 1, low: 2, eventId: undefined };

/** Appends its row by the short way. @returns whether it was taken */
function add(event: PlainEvent, rows: PlainRows, record: RecordInBytes): boolean {
  return event.begin(record, SOURCE) && rows.add({ ...keys, ...timeInHalves(event.eventTimeUs) });
}

/** What the decoder makes of the same. */
function decoded(record: RecordInBytes): Buffer {
  const result = decoder(record, SOURCE);
  assert.equal(result.kind, 'row');
  const encoder = newEncoder();
  if (result.kind === 'row') {
    const { eventId, eventTimeUs, families } = result.row;
    encoder.rowWithKeys({ ...keys, eventId, ...timeInHalves(Number(eventTimeUs)) }, families[FAMILY]);
  }
  return encoder.take();
}

describe('the kernel of plain events', () => {
  assert.ok(plain, 'the mapping has a short way');
  const event = plain;
  const window = event.kernel.window.length;

  /** By the short way, in an encoder of its own. */
  const row = (record: RecordInBytes): Buffer | undefined => {
    const encoder = newEncoder();
    return add(event, new PlainRows(encoder, event, FAMILY), record) ? encoder.take() : undefined;
  };

  test('texts of any length are found and copied, wherever they stand to the bounds of 16 bytes', () => {
    for (let length = 0; length <= 50; length++)
      for (let shift = 0; shift < 16; shift++) {
        const text = Buffer.from(eventOf('ü'.repeat(length % 3) + 'x'.repeat(length)));
        // With nothing behind it, and with what would go on with the last text if its end were overlooked.
        for (const behind of ['', 'x"}', '}'.repeat(40)]) {
          const bytes = Buffer.concat([Buffer.alloc(shift, '"'), text, Buffer.from(behind)]);
          const record = recordIn(bytes, shift, shift + text.length);
          assert.deepEqual(row(record), decoded(record), `${length} bytes at ${shift}`);
        }
      }
  });

  test('an event that is cut off anywhere is left to the decoder, whatever stood there before', () => {
    const text = Buffer.from(eventOf('the last of its texts'));
    for (let length = 0; length < text.length; length++) {
      assert.ok(row(recordIn(Buffer.from(text), 0, text.length)), 'the window holds a whole one');
      assert.equal(row(recordIn(Buffer.from(text.subarray(0, length)), 0, length)), undefined, `${length}`);
      assert.equal(row(recordIn(Buffer.from(text), 0, length)), undefined, `${length} of more`);
    }
  });

  test('all events of record batches larger than the window are read, also those across its end', () => {
    for (const length of [100, 1000, 1001, 40_000]) {
      const texts = Array.from({ length: Math.ceil((window * 2.5) / length) }, (_, i) =>
        Buffer.from(eventOf(String(i).padEnd(length, '.'))),
      );
      const bytes = Buffer.concat(texts);
      let at = 0;
      for (const text of texts) {
        const record = recordIn(bytes, at, (at += text.length));
        assert.deepEqual(row(record), decoded(record));
      }
    }
  });

  test('the largest plain event fills the window to its last byte; a larger one is left to the decoder', () => {
    const empty = eventOf('').length;
    for (const [length, fits] of [
      [window - 1, true],
      [window, true],
      [window + 1, false],
    ] as const) {
      const text = Buffer.from(eventOf('x'.repeat(length - empty)));
      assert.equal(text.length, length);
      // As the last of its batch, and before others.
      for (const bytes of [text, Buffer.concat([text, text])]) {
        const record = recordIn(bytes, 0, length);
        const made = row(record);
        assert.equal(made !== undefined, fits, `${length} bytes`);
        if (made) assert.deepEqual(made, decoded(record));
      }
    }
  });

  test('rows of batches that are made by turns stay apart, taken back or not, over any number of stages', () => {
    const step = fc.record({
      batch: fc.nat(2),
      length: fc.oneof(fc.nat(40), fc.nat(3000), fc.constantFrom(32_000, 70_000)),
      does: fc.constantFrom('short way', 'short way', 'short way', 'decoder', 'taken back', 'clear'),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
        const batches = [0, 1, 2].map(() => {
          const encoder = newEncoder();
          return { encoder, rows: new PlainRows(encoder, event, FAMILY), expected: [] as Buffer[] };
        });
        for (const { batch, length, does } of steps) {
          const { encoder, rows, expected } = batches[batch] ?? assert.fail();
          const text = Buffer.from(eventOf('y'.repeat(length)));
          const record = recordIn(text, 0, text.length);
          const before = encoder.length;
          if (does === 'clear') {
            encoder.clear();
            expected.length = 0;
          } else if (does === 'decoder') {
            const result = decoder(record, SOURCE);
            assert.ok(result.kind === 'row');
            const { eventId, eventTimeUs, families } = result.row;
            const times = timeInHalves(Number(eventTimeUs));
            encoder.rowWithKeys({ ...keys, eventId, ...times }, families[FAMILY]);
            expected.push(decoded(record));
          } else {
            assert.ok(add(event, rows, record));
            if (does === 'taken back') encoder.truncate(before);
            else expected.push(decoded(record));
          }
          assert.equal(encoder.length, Buffer.concat(expected).length);
        }
        for (const { encoder, expected } of batches)
          assert.ok(encoder.take().equals(Buffer.concat(expected)));
      }),
      { numRuns: 200 },
    );
  });

  test('a time is that of the general reader, or left to it; none of the usual spelling is left', () => {
    const { kernel } = event;
    const read = timeReader({ formats: ['iso'], zone: 'UTC' });
    const micros = (text: string): number => {
      const bytes = Buffer.from(text);
      kernel.window.set(bytes);
      const at = kernel.window.byteOffset;
      return kernel.isoMicros(at, at + bytes.length);
    };
    const digits = (length: number): fc.Arbitrary<string> =>
      fc.nat(10 ** length - 1).map((n) => String(n).padStart(length, '0'));
    const near = fc.tuple(
      fc.constantFrom('1900', '2000', '2023', '2024', '2100', '0000', '9999'),
      fc.constantFrom('00', '01', '02', '04', '11', '12', '13'),
      fc.constantFrom('00', '01', '28', '29', '30', '31', '32'),
      fc.constantFrom('00', '23', '24', '1:'),
    );
    const within = (most: number): fc.Arbitrary<string> =>
      fc.nat(most).map((n) => String(n).padStart(2, '0'));
    const any = fc.tuple(digits(4), within(13), within(32), within(24));
    const fraction = fc.oneof(
      fc.constant(''),
      fc.nat(8).chain((n) => digits(n).map((f) => `.${n === 0 ? '' : f}`)),
    );
    let known = 0;
    fc.assert(
      fc.property(
        fc.oneof(near, any),
        within(60),
        fc.oneof(within(59), fc.constantFrom('60', '7x')),
        fraction,
        fc.constantFrom('Z', 'Z', 'Z', 'z', '', '+00:00'),
        ([year, month, day, hour], minute, second, parts, zone) => {
          const text = `${year}-${month}-${day}T${hour}:${minute}:${second}${parts}${zone}`;
          const time = micros(text);
          const expected = read(text);
          if (!Number.isNaN(time)) {
            known++;
            assert.equal(time, Number(expected), text);
          } else if (zone === 'Z' && !(expected instanceof Rejection))
            assert.match(text, /:60|\.\d{7,}|\.Z|T24/, text);
        },
      ),
      { numRuns: 5_000 },
    );
    assert.ok(known > 200, `${known}`);
  });

  test('its memory stays where it is and does not grow', () => {
    assert.equal(event.kernel.memory.length, event.kernel.memory.buffer.byteLength);
    assert.ok(event.kernel.memory.length < 2 * 1024 * 1024);
  });
});
