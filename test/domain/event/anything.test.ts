import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AGENTS, mapping, SENT_MS } from './column.js';
import { decoderOf } from './mapping.js';

test('no JSON, no bytes and no key crash the decoder, tell a value, or pollute a prototype', () => {
  const secret = 'SECRET';
  const decoder = decoderOf(
    mapping(
      `["p[k=v].x", { json: c, path: '__proto__.polluted' }, { template: '{a}{constructor.name}' }, $url.query.a, $url.host, $referrer.path, $kafka.key]`,
      {
        event: `${AGENTS}\n  normalize_url: true\n  where: [{ not: { field: f, in: [x] } }, { not: { present: __proto__.y } }]`,
      },
    ),
  );
  const key = fc.constantFrom(
    't',
    'url',
    'p',
    'k',
    'v',
    'x',
    'c',
    'a',
    'f',
    'ref',
    'ip',
    'ua',
    '__proto__',
    'constructor',
    'name',
    'polluted',
  );
  const { event } = fc.letrec<{ event: unknown; leaf: unknown }>((tie) => ({
    leaf: fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        secret,
        '{"__proto__":{"polluted":1}}',
        `[${secret}`,
        'https://u:p@h/?a=%00',
        'k',
        'v',
        '2026-01-01',
        1e308,
      ),
    ),
    event: fc.oneof(
      { maxDepth: 4 },
      tie('leaf'),
      fc.dictionary(key, tie('event')),
      fc.array(tie('event'), { maxLength: 4 }),
    ),
  }));
  const record = (value: Uint8Array, key: Uint8Array | null) => ({
    partition: 0,
    offset: 0n,
    timestampMs: SENT_MS,
    key,
    value,
  });
  fc.assert(
    fc.property(fc.dictionary(key, event), fc.option(fc.uint8Array()), (fields, recordKey) => {
      const text = JSON.stringify({ t: '2026-01-01', url: '/', ...fields });
      const decoded = decoder(record(Buffer.from(text), recordKey), { sourceId: 0 });
      if (decoded.kind === 'rejected') assert.ok(!decoded.message.includes(secret), decoded.message);
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    }),
    { numRuns: 3000 },
  );
  fc.assert(fc.property(fc.uint8Array(), (value) => void decoder(record(value, null), { sourceId: 0 })));
});
