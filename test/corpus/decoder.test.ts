import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Decoded } from '../../domain/event/types.js';
import { openDecoder, valuesOf, type DecodeRow } from './decode.js';
import { neighbour, POISON, type PoisonRow } from './poison.js';

/** Of the processor, however loaded the machine is. A million keys take the longest, about 2 s. */
const MAX_CPU_MS = 8000;

let decode: DecodeRow;
before(async () => {
  decode = await openDecoder();
});

const polluted = (): unknown => (({}) as Readonly<Record<string, unknown>>)['polluted'];
const bySize = (row: PoisonRow): number => row.bytes()?.length ?? 0;

/** Throws unless the row ended where it must. */
function check(row: PoisonRow, decoded: Decoded): void {
  const { expected } = row;
  switch (expected.place) {
    case 'tables': {
      assert.equal(decoded.kind, 'row', decoded.kind === 'rejected' ? decoded.message : decoded.kind);
      if (decoded.kind !== 'row') return;
      const values = valuesOf(decoded);
      for (const [column, value] of Object.entries(expected.values))
        assert.deepEqual(values[column], value, column);
      return;
    }
    case 'dead letters': {
      assert.equal(decoded.kind, 'rejected');
      if (decoded.kind !== 'rejected') return;
      assert.deepEqual([decoded.reason, decoded.field], [expected.reason, expected.field]);
      return;
    }
    case 'duplicate': {
      const first = POISON.find(({ name }) => name === expected.of);
      assert.ok(first, `there is a row '${expected.of}'`);
      assert.deepEqual(idOf(decoded), idOf(decode(first, first.bytes())));
      return;
    }
    case 'filtered':
      assert.equal(decoded.kind, 'filtered');
  }
}

const idOf = (decoded: Decoded): string =>
  Buffer.from(
    (decoded.kind === 'row'
      ? decoded.row.eventId
      : decoded.kind === 'rejected'
        ? decoded.eventId
        : undefined) ?? [],
  ).toString('hex');

test('every row of the corpus has a name of its own, and duplicates follow what they repeat', () => {
  const names = POISON.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const [i, { expected }] of POISON.entries())
    if (expected.place === 'duplicate')
      assert.ok(names.indexOf(expected.of) < i && names.includes(expected.of));
});

describe('poison ends where it must, soon, and changes nothing for what follows', () => {
  for (const row of POISON) {
    const { expected } = row;
    const where = expected.place === 'dead letters' ? `dead letters as ${expected.reason}` : expected.place;
    test(`${row.name}: ${where}`, () => {
      const bytes = row.bytes();
      const before = process.cpuUsage();
      const decoded = decode(row, bytes);
      const { user, system } = process.cpuUsage(before);
      const ms = (user + system) / 1000;
      check(row, decoded);
      assert.ok(ms < MAX_CPU_MS, `${Math.round(ms)} ms of the processor`);
      assert.equal(polluted(), undefined);
      assert.equal(decode({}, neighbour(1)).kind, 'row');
    });
  }
});

describe('at random', () => {
  /** The large ones would make a thousand runs take minutes; each has been decoded above. */
  const small = POISON.filter((row) => bySize(row) < 100_000);
  const rows = fc.constantFrom(...small);

  test('poison between good neighbours, in any order: each ends as alone, the neighbours always as rows', () => {
    assert.ok(small.length > 200);
    const mixture = fc.array(fc.oneof({ arbitrary: rows, weight: 1 }, { arbitrary: fc.nat(9), weight: 1 }), {
      minLength: 1,
      maxLength: 40,
    });
    fc.assert(
      fc.property(mixture, (mixed) => {
        for (const one of mixed)
          if (typeof one === 'number') {
            const decoded = decode({}, neighbour(one));
            assert.equal(decoded.kind === 'row' && valuesOf(decoded)['click_data.i'], one);
          } else check(one, decode(one, one.bytes()));
        assert.equal(polluted(), undefined);
      }),
      { numRuns: 300 },
    );
  });

  test('changed, cut and doubled bytes of poison never throw', () => {
    const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) });
    const changes = fc.record({
      row: rows,
      change: fc.array(change, { maxLength: 8 }),
      from: fc.double({ min: 0, max: 0.3, noNaN: true }),
      to: fc.double({ min: 0.5, max: 1, noNaN: true }),
      twice: fc.boolean(),
    });
    fc.assert(
      fc.property(changes, ({ row, change, from, to, twice }) => {
        const original = row.bytes() ?? new Uint8Array();
        const cut = Buffer.from(
          original.subarray(
            Math.floor(from * original.length * Number(from > 0.2)),
            Math.ceil(to * original.length),
          ),
        );
        for (const { at, byte } of change) if (cut.length > 0) cut[Math.floor(at * (cut.length - 1))] = byte;
        const decoded = decode(row, twice ? Buffer.concat([cut, cut]) : cut);
        if (decoded.kind === 'rejected') assert.ok(decoded.message.length < 1000);
        assert.equal(polluted(), undefined);
      }),
      { numRuns: 3000 },
    );
  });
});
