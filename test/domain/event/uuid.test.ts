import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipv4Number } from '../../../domain/event/address.js';
import { uuidBytes } from '../../../domain/event/uuid.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const slowUuid = (text: string): string | undefined =>
  UUID.test(text) ? text.replaceAll('-', '').toLowerCase() : undefined;

const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString('hex');

/** A text with one character changed, put in or taken out. */
const damaged = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(text, fc.nat(40), fc.string({ unit: 'binary', maxLength: 2 }), fc.nat(2))
    .map(([whole, at, put, cut]) => whole.slice(0, at) + put + whole.slice(at + cut));

test('a uuid is its 16 bytes in either case, and no other text is one', () => {
  const uuid = fc.tuple(fc.uuid(), fc.boolean()).map(([text, up]) => (up ? text.toUpperCase() : text));
  fc.assert(
    fc.property(fc.oneof(uuid, damaged(uuid), fc.string()), (text) => {
      assert.equal(hex(uuidBytes(text)), slowUuid(text));
    }),
    { numRuns: 2000 },
  );
});

test('an IPv4 address is four decimal bytes without leading zeros, and no other text is one', () => {
  const slow = (text: string): number | undefined => {
    const parts = text.split('.');
    const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
    if (parts.length !== 4 || bytes.some((byte) => byte > 255)) return undefined;
    return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  };
  const near = fc.array(fc.oneof(fc.nat(300).map(String), fc.constantFrom('', '00', '01', '1e2', ' 1')), {
    minLength: 3,
    maxLength: 5,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        damaged(fc.ipV4()),
        near.map((parts) => parts.join('.')),
      ),
      (text) => {
        assert.equal(ipv4Number(text), slow(text));
      },
    ),
    { numRuns: 2000 },
  );
});
