import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { inBatches, type BatchBounds } from '../../../clients/kafka/batches.js';

const bounds: BatchBounds = { bytes: 10, records: 3, lingerMs: 20 };

async function batchesOf(source: AsyncIterable<string> | Iterable<string>): Promise<(readonly string[])[]> {
  const batches: (readonly string[])[] = [];
  for await (const { records, bytes } of inBatches(source, (text) => text.length, bounds)) {
    assert.equal(bytes, records.join('').length);
    batches.push(records);
  }
  return batches;
}

async function nextOf(batches: ReturnType<typeof inBatches<string>>): Promise<readonly string[] | undefined> {
  const next = await batches.next();
  return next.done === true ? undefined : next.value.records;
}

describe('batches of records to send', () => {
  it('are full where the source is always ready: by count', async () => {
    assert.deepEqual(await batchesOf(['a', 'b', 'c', 'd']), [['a', 'b', 'c'], ['d']]);
  });

  it('are full by bytes; a record larger than a batch goes alone', async () => {
    const large = 'x'.repeat(30);
    assert.deepEqual(await batchesOf(['aaaaaa', 'bbbb', 'c', large, 'd']), [
      ['aaaaaa', 'bbbb'],
      ['c'],
      [large],
      ['d'],
    ]);
  });

  it('do not wait for a source that stays open and silent', async () => {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    async function* slow(): AsyncGenerator<string> {
      yield 'a';
      yield 'b';
      await ended;
      yield 'c';
    }
    const batches = inBatches(slow(), (text) => text.length, bounds);
    assert.deepEqual(await nextOf(batches), ['a', 'b']);
    end();
    assert.deepEqual(await nextOf(batches), ['c']);
    assert.equal((await batches.next()).done, true);
  });

  it('hand on the failure of their source, after what came before it', async () => {
    async function* failing(): AsyncGenerator<string> {
      yield 'a';
      await sleep(40);
      throw new Error('gone');
    }
    const batches = inBatches(failing(), (text) => text.length, bounds);
    assert.deepEqual(await nextOf(batches), ['a']);
    await assert.rejects(batches.next(), /gone/);
  });
});
