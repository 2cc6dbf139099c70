import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { openSpool, type Spool } from '../../activities/spool.js';
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

test('what an earlier process left is taken by its checksums, or read again', async () => {
  const i = await install('left');
  let spool: Spool | undefined;
  try {
    await i.produce(Array.from({ length: 20 }, (_, k) => click(k)));
    const { batch } = await i.consume();
    assert.ok(batch);
    const file = i.spool.path(batch.batchId, 'geo_data');
    await i.spool.close();
    spool = await openSpool(i.config);
    const later = { ...i, spool };
    const bytes = await readFile(file);
    const flipped = Buffer.from(bytes);
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    await writeFile(file, flipped);
    await assert.rejects(
      later.persist(batch),
      (e) => e instanceof ApplicationFailure && e.type === 'SpoolLost',
    );
    assert.deepEqual(await i.rows('SELECT 1 FROM click_data'), []);
    await writeFile(file, bytes);
    assert.equal((await later.persist(batch)).outcome, 'persisted');
    assert.equal((await i.rows('SELECT 1 FROM clicks')).length, 20);
  } finally {
    await spool?.close();
    await i.close();
  }
});

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
