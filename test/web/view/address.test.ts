import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DEFAULT_VIEW,
  exportAddress,
  MEASURES,
  overviewRequest,
  readAddress,
  topRequest,
  writeAddress,
  type View,
} from '../../../web/view/address.js';
import { PRESETS } from '../../../web/view/range.js';

const NOW = Date.UTC(2026, 10, 28, 6, 20);
const text = fc.string({ minLength: 1, unit: 'binary' }).filter((value) => value.isWellFormed());
const plain = { noNullPrototype: true } as const;
const view: fc.Arbitrary<View> = fc.record(
  {
    range: fc.oneof(
      fc.constantFrom(...PRESETS),
      fc.record({ from: text, to: text }, plain),
      fc.record({ from: text }, plain),
      fc.record({ to: text }, plain),
    ),
    grain: fc.constantFrom('hour' as const, 'day' as const, 'month' as const),
    measure: fc.constantFrom(...MEASURES),
    sort: fc.constantFrom(...MEASURES),
    compare: fc.boolean(),
    url: text,
    q: text,
    countries: fc.uniqueArray(text),
  },
  { ...plain, requiredKeys: ['range', 'measure', 'sort', 'compare', 'countries'] },
);

test('a link carries the whole view, whatever a URL or a search may hold', () => {
  fc.assert(fc.property(view, (it) => assert.deepEqual(readAddress(writeAddress(it)), it)));
});

test('the view that everybody starts with has no query in its address', () => {
  assert.equal(writeAddress(DEFAULT_VIEW), '');
  assert.deepEqual(readAddress(''), DEFAULT_VIEW);
});

test('a choice that there is not is the default; a bound or a country that is none goes to the server to be refused', () => {
  const odd = readAddress('?range=fortnight&grain=week&measure=fame&from=yesterday&country=Germany');
  assert.deepEqual(odd, { ...DEFAULT_VIEW, range: { from: 'yesterday' }, countries: ['Germany'] });
  assert.equal(overviewRequest(odd, NOW), 'api/overview?from=yesterday&country=Germany');
});

test('a list is not narrowed by what was chosen in it', () => {
  const chosen = readAddress('?url=%2Fa&country=DE&country=FR&q=books&range=today');
  const top = (by: 'url' | 'country'): string => topRequest(chosen, by, 10, NOW);
  assert.equal(
    top('url'),
    'api/top?from=2026-11-28&to=2026-11-29&q=books&country=DE&country=FR&by=url&sort=click_count&limit=10',
  );
  assert.equal(
    top('country'),
    'api/top?from=2026-11-28&to=2026-11-29&url=%2Fa&q=books&by=country&sort=click_count&limit=10',
  );
});

test('the period before is asked for only where the range has two bounds', () => {
  const asks = (search: string): boolean => overviewRequest(readAddress(search), NOW).includes('compare');
  assert.ok(asks('?range=7d&compare=previous'));
  assert.ok(!asks('?range=all&compare=previous'));
  assert.ok(!asks('?from=2026-11-01&compare=previous'));
  assert.ok(!asks('?range=7d'));
});

test('the file has the filters and the windows that the page shows', () => {
  assert.equal(
    exportAddress(readAddress('?range=24h&q=a%26b'), NOW, 'hour'),
    'api/figures?from=2026-11-27T07%3A00%3A00Z&to=2026-11-28T07%3A00%3A00Z&q=a%26b&grain=hour&format=csv',
  );
});
