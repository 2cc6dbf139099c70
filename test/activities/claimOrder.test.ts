import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ClaimOrder } from '../../activities/claimOrder.js';
import type { Logger } from '../../domain/logger.js';
import { click, clicks, install } from './installation.js';
import { sumOf } from './sums.js';

const never = new AbortController().signal;

describe('the order of claims', () => {
  test('a batch waits for those that claimed before it, not for itself or those behind', async () => {
    const order = new ClaimOrder(60_000);
    for (const id of ['a', 'b', 'c']) order.claimed(id);
    await order.turnOf('a', never);
    let over = false;
    const b = order.turnOf('b', never).then(() => (over = true));
    order.ended('c');
    await new Promise(setImmediate);
    assert.equal(over, false);
    order.ended('a');
    await b;
  });

  test('one that never ends is waited for once', async () => {
    const order = new ClaimOrder(1);
    for (const id of ['lost', 'b', 'c']) order.claimed(id);
    await order.turnOf('b', never);
    order.ended('b');
    let over = false;
    const c = order.turnOf('c', never).then(() => (over = true));
    await Promise.resolve();
    await Promise.resolve();
    assert.equal(over, true);
    await c;
  });

  test('a batch of which nothing is known waits for nobody, and an abort ends the waiting', async () => {
    const order = new ClaimOrder(60_000);
    for (const id of ['a', 'b']) order.claimed(id);
    await order.turnOf('another', never);
    const abort = new AbortController();
    const waiting = order.turnOf('b', abort.signal);
    abort.abort(new Error('stopped'));
    await assert.rejects(waiting, { name: 'AbortError' });
  });

  test('of two shards with the same ids the later one lets the earlier one in: no COPY fails', async () => {
    const plain = await install('order', { partitions: 2 });
    let failed = 0;
    const logger: Logger = {
      ...plain.logger,
      debug: (_, message) => {
        if (message === 'a straight COPY failed') failed++;
      },
    };
    const i = { ...plain, logger };
    try {
      // Neighbours go to partitions in turn: the second time, each id lies in the other one, and either has some alone.
      await i.produce(clicks(100));
      await i.produce([click(1000), ...clicks(100), ...clicks(10, 2000)]);
      const ends = await i.kafka.lastStableOffsets(i.topic, [0, 1]);
      const until = [...ends].map(([partition, offset]) => ({ partition, offset: offset.toString() }));
      const consume = (shard: number): ReturnType<typeof i.consume> =>
        i.consume({ shard, shards: 2, until: until.filter(({ partition }) => partition === shard) });
      const [first, second] = [await consume(0), await consume(1)];
      assert.ok(first.batch !== undefined && second.batch !== undefined);
      const later = i.persist(second.batch);
      // It has copied what it alone has, and waits.
      for (;;) {
        const [row] = await i.rows(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE 'COPY%'
             AND application_name LIKE $1`,
          [`${i.config.name}%`],
        );
        if (row?.n === 1) break;
      }
      const earlier = await i.persist(first.batch);
      assert.deepEqual(sumOf([earlier, await later]), [211, 111, 100, 0, 0]);
      assert.equal(failed, 0);
    } finally {
      await i.close();
    }
  });
});
