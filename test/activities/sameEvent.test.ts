import assert from 'node:assert/strict';
import { test } from 'node:test';
import { click, clicks, install, type Installation } from './installation.js';
import { sumOf } from './sums.js';

/** Everything that batches write but the ledger, row by row. */
async function tables(i: Installation): Promise<unknown[]> {
  const all = [];
  for (const table of ['click_data', 'geo_data', 'user_agent_data'])
    all.push(await i.rows(`SELECT t::text FROM ${table} t ORDER BY click_id`));
  all.push(await i.rows('SELECT d::text FROM dead_letter d ORDER BY dead_letter_id'));
  all.push(await i.rows('SELECT m::text FROM window_mark m ORDER BY mark_id'));
  return all;
}

const rewind = (i: Installation): Promise<unknown> =>
  i.rows('UPDATE ingest_offset SET next_offset = start_offset');

test('the same event in a batch, across batches and partitions is one click; on another day it is another', async () => {
  const i = await install('same', { partitions: 4 });
  const smaller = await install('same', {
    base: i,
    text: (yaml) => yaml.replace('records: 1000', 'records: 333'),
  });
  try {
    const nextDay = clicks(50).map((_, n) => click(n, { t: Date.UTC(2026, 0, 2) + n }));
    const broken = ['{"event_id": "b1", "t": "never"}', 'no json', '{"event_id": "b1", "t": "never"}'];
    const sent = [...clicks(2500), ...clicks(2500), ...broken, ...clicks(300), ...nextDay, ...nextDay];
    await i.produce(sent);
    assert.deepEqual(sumOf(await i.drain()), [5403, 2550, 2851, 2, 0]);
    const before = await tables(i);

    await rewind(i);
    await i.drain();
    assert.deepEqual(await tables(i), before, 'offsets set back, the same batches: the ledger knows them');
    const ends = await i.rows('SELECT sum(next_offset - start_offset)::int AS n FROM ingest_offset');
    assert.deepEqual(ends, [{ n: sent.length }], 'the offsets are where they were');

    await rewind(i);
    assert.deepEqual(sumOf(await smaller.drain()), [5403, 0, 5403, 0, 0]);
    assert.deepEqual(
      await tables(i),
      before,
      'offsets set back, other batches of another worker: duplicates',
    );
  } finally {
    await smaller.close();
    await i.close();
  }
});
