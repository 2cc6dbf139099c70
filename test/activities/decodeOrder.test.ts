import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { DecodeOrder, type DecodeTurns } from '../../activities/decodeOrder.js';

/** Notes a name for each slice of a batch's decoding. */
const decode = (turns: DecodeTurns, said: string[], name: string, slices: number): Promise<void> =>
  turns.decode(async () => {
    for (let n = 0; n < slices; n++) {
      said.push(name);
      await turns.next();
    }
  });

describe('the order in which batches are decoded', () => {
  test('a batch that began earlier is decoded first, even if a later one was at it', async () => {
    const order = new DecodeOrder();
    const [first, second] = [order.begin(), order.begin()];
    const said: string[] = [];
    const later = decode(second, said, 'second', 3);
    const earlier = decode(first, said, 'first', 5);
    await Promise.all([earlier, later]);
    assert.deepEqual(said, ['second', ...Array<string>(5).fill('first'), 'second', 'second']);
  });

  test('a batch that waits for its disk or for Kafka keeps nobody waiting', async () => {
    const order = new DecodeOrder();
    const [first, second] = [order.begin(), order.begin()];
    const said: string[] = [];
    let written: () => void = () => undefined;
    const earlier = first.decode(async () => {
      await first.rest(() => new Promise((resolve) => (written = resolve)));
      said.push('first');
    });
    await decode(second, said, 'second', 2);
    written();
    await earlier;
    await decode(second, said, 'second', 1);
    assert.deepEqual(said, ['second', 'second', 'first', 'second']);
  });

  test('a batch that fails lets the later ones go on', async () => {
    const order = new DecodeOrder();
    const [first, second] = [order.begin(), order.begin()];
    const failing = first.decode(async () => {
      await sleep(1);
      throw new Error('unreadable');
    });
    const said: string[] = [];
    const later = decode(second, said, 'second', 2);
    await assert.rejects(failing, /unreadable/);
    await later;
    assert.deepEqual(said, ['second', 'second']);
  });
});
