import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quoteLongIntegers } from '../../../clients/elasticsearch/exactNumbers.js';

describe('quoteLongIntegers', () => {
  const cases: Record<string, [string, string]> = {
    'quotes what a number would round': ['{"n":9223372036854775807}', '{"n":"9223372036854775807"}'],
    'quotes negative ones and those in arrays': [
      '[1,-9223372036854775808,9007199254740993]',
      '[1,"-9223372036854775808","9007199254740993"]',
    ],
    'leaves short integers': ['{"n":123456789012345}', '{"n":123456789012345}'],
    'leaves fractions and exponents': [
      '{"a":0.12345678901234567890,"b":1.5E300,"c":12345678901234567.5,"d":9007199254740993}',
      '{"a":0.12345678901234567890,"b":1.5E300,"c":12345678901234567.5,"d":"9007199254740993"}',
    ],
    'leaves texts, whatever they hold': [
      '{"u":"a\\":9007199254740993,\\\\","n":9007199254740993}',
      '{"u":"a\\":9007199254740993,\\\\","n":"9007199254740993"}',
    ],
  };
  for (const [claim, [json, expected]] of Object.entries(cases)) {
    it(claim, () => assert.equal(quoteLongIntegers(json), expected));
  }
  it('takes a text of 10 MB', () => {
    const text = `{"u":"${'\\"x'.repeat(3_000_000)}","n":9007199254740993}`;
    assert.ok(quoteLongIntegers(text).endsWith('"9007199254740993"}'));
  });
});
