import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { firstAddress, parseAddress, unmapped } from '../../../domain/event/address.js';

test('reads exactly the addresses that Node reads, but for zones', () => {
  const near = fc.array(fc.constantFrom('1', '0', '255', '256', '.', ':', '::', 'ffff', 'g', ''), {
    maxLength: 12,
  });
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string(),
    near.map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const length = isIP(text) === 4 ? 4 : isIP(text) === 6 && !text.includes('%') ? 16 : undefined;
      assert.equal(parseAddress(text)?.length, length, text);
    }),
    { numRuns: 5000 },
  );
});

test('has the bytes in the order of the network', () => {
  assert.deepEqual([...(parseAddress('1.2.3.255') ?? [])], [1, 2, 3, 255]);
  assert.deepEqual(
    [...(parseAddress('1::abcd:5.6.7.8') ?? [])],
    [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd, 5, 6, 7, 8],
  );
  assert.deepEqual([...unmapped(parseAddress('::ffff:5.6.7.8') ?? new Uint8Array())], [5, 6, 7, 8]);
});

test('takes the first address of a forwarded-for list', () => {
  assert.equal(firstAddress(' 1.2.3.4 , 5.6.7.8'), '1.2.3.4');
  assert.equal(firstAddress(''), '');
});
