import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Click } from '../support/plainFigures.js';
import { arrivals, type Then } from './events.js';
import { setUpAggregation, type Aggregation } from './setUp.js';

/** A run costs half a second to a second, and each case takes up to seven. */
const CASES = 20;
/** The newest days of a case. */
const BACKFILLED = 2;

describe('any order of arrival, any split into batches, any runs and backfills between', () => {
  let aggregation: Aggregation;
  before(async () => {
    aggregation = await setUpAggregation('order');
  });
  after(() => aggregation.close());

  /** Of some days of these clicks, whether their figures were ever made or not; the days of others keep their marks. */
  const backfill = async (sent: ReadonlySet<Click>): Promise<void> => {
    const days = new Set([...sent].map(({ time }) => time.slice(0, 10)));
    for (const day of [...days].sort().slice(-BACKFILLED)) await aggregation.run({ day });
  };
  const runs: Record<Then, (sent: ReadonlySet<Click>) => Promise<unknown>> = {
    nothing: () => Promise.resolve(),
    'one day': () => aggregation.run({ maxRows: 1 }),
    everything: () => aggregation.runAll(),
    'two at once': () => Promise.all([aggregation.run(), aggregation.run({ maxRows: 1 })]),
    backfill,
    'backfill beside runs': (sent) =>
      Promise.all([backfill(sent), aggregation.run({ maxRows: 1 }), aggregation.run()]),
  };

  test('give the figures of one run over everything', async (t) => {
    const seed = Date.now() % 2 ** 31;
    t.diagnostic(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(arrivals, async ({ clicks, steps }) => {
        await aggregation.wipe();
        const sent = new Set<Click>();
        for (const { batch, then } of steps) {
          if (batch.length > 0) await aggregation.send(batch);
          for (const click of batch) sent.add(click);
          await runs[then](sent);
          if (then === 'everything') await aggregation.areFiguresOf([...sent]);
        }
        await aggregation.runAll();
        await aggregation.areFiguresOf(clicks);
        const grown = await aggregation.stored();
        // All hours anew in one run: were a figure, a sketch or a flag another than what grew, it would be written.
        await aggregation.markAll();
        const { changed } = await aggregation.run();
        assert.equal(changed, 0, 'nothing is written again');
        assert.deepEqual(await aggregation.stored(), grown);
      }),
      // Shrinking would take minutes: the seed brings the case back.
      { seed, numRuns: CASES, endOnFailure: true },
    );
  });
});
