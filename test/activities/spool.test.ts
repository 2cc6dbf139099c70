import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../support/installation.js';
import { click, install, type Installation } from './installation.js';

/** About 600 bytes each: two batches of 1,000 fill the spool of 1 MiB. */
const large = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => click(i, { url: `/${'x'.repeat(500)}/${i}` }));

async function withSmallSpool(use: (i: Installation) => Promise<void>): Promise<void> {
  const i = await install('small_spool', {
    text: (yaml) => yaml.replace(/spool: \{ dir: ([^ ]+) \}/, 'spool: { dir: $1, bytes: 1MiB }'),
  });
  try {
    await use(i);
  } finally {
    await i.close();
  }
}

describe('a spool that is full', () => {
  test('makes the next batch wait until one is persisted, and then goes on', () =>
    withSmallSpool(async (i) => {
      await i.produce(large(3000));
      const first = await i.consume();
      assert.equal(i.spool.full, false);
      const second = await i.consume({ after: first.next });
      assert.ok(first.batch && second.batch);
      assert.equal(i.spool.full, true);
      let waits = 0;
      const debug = (_: object, said: string): number => (waits += Number(/the spool is full/.test(said)));
      const waiting = { ...i, logger: { ...i.logger, debug } };
      let ended = false;
      const third = waiting.consume({ after: second.next }).finally(() => (ended = true));
      await until('it to wait, and to look again', 60_000, () => waits >= 2);
      assert.equal(ended, false, 'the third batch must not be read into a full spool');
      assert.equal((await i.persist(first.batch)).outcome, 'persisted');
      assert.equal((await third).batch?.records, 1000);
    }));

  test('does not keep out an exact batch: what was lost comes before what is new', () =>
    withSmallSpool(async (i) => {
      await i.produce(large(2000));
      const first = await i.consume();
      const second = await i.consume({ after: first.next });
      assert.ok(first.batch && second.batch);
      assert.equal(i.spool.full, true);
      await i.spool.remove(first.batch.batchId);
      const { sourceId, ranges } = first.batch;
      const again = await i.consume({ exact: { sourceId, ranges } });
      assert.equal(again.batch?.batchId, first.batch.batchId);
      assert.equal((await i.persist(first.batch)).outcome, 'persisted');
      assert.equal((await i.persist(second.batch)).outcome, 'persisted');
      assert.equal(i.spool.full, false);
    }));
});
