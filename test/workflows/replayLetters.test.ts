import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { replayWorkflowId } from '../../domain/names.js';
import { NO_COUNTS } from '../../domain/stages.js';
import type { ReplayDeadLettersInput, ReplayPage, ReplayResult } from '../../domain/stages.js';
import { record, withStage } from '../support/temporal.js';

const page = (n: number, padding = 0): ReplayPage => ({
  batchId: `page ${n}`.padEnd(padding, ' '),
  sourceId: 0,
  after: String(n * 10 - 10),
  to: String(n * 10),
  letters: 10,
});

/** So many pages of ten, of which one letter stays each. */
function letters(pages: number, padding = 0) {
  const calls: ReplayDeadLettersInput[] = [];
  const replayDeadLetters = (input: ReplayDeadLettersInput) => {
    calls.push(input);
    const done = input.page === undefined ? 0 : Number(input.page.to) / 10;
    const counts = done === 0 ? NO_COUNTS : { ...NO_COUNTS, persisted: 8, filtered: 1, deadLetters: -9 };
    return Promise.resolve({ counts, upTo: '500', ...(done < pages && { next: page(done + 1, padding) }) });
  };
  return { calls, activities: { replayDeadLetters } };
}

describe('replay', () => {
  test('goes page by page up to the end noted first, with the choice and the mapping of its caller', async () => {
    const { calls, activities } = letters(3);
    await withStage({ activities }, async ({ name, start }) => {
      const input = { reason: 'wrong_type', fingerprint: 'abc' };
      const handle = await start('replay', replayWorkflowId(name), input);
      const result = (await handle.result()) as ReplayResult;
      assert.deepEqual(result, {
        counts: { ...NO_COUNTS, persisted: 24, filtered: 3, deadLetters: -27 },
        examined: 30,
        pages: 3,
      });
      assert.deepEqual(calls[0], { selection: { reason: 'wrong_type' }, fingerprint: 'abc' });
      assert.deepEqual(
        calls.slice(1).map((call) => [call.page?.to, call.upTo, call.selection.reason]),
        [
          ['10', '500', 'wrong_type'],
          ['20', '500', 'wrong_type'],
          ['30', '500', 'wrong_type'],
        ],
      );
      await record(handle, 'replay');
    });
  });

  test('`{}` is all dead letters; with none it ends at once', async () => {
    const { calls, activities } = letters(0);
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('replay', replayWorkflowId(name), {});
      assert.deepEqual(await handle.result(), { counts: NO_COUNTS, examined: 0, pages: 0 });
      assert.deepEqual(calls, [{ selection: {} }]);
    });
  });

  test('continues as new with what it has done so far', async () => {
    const { activities } = letters(12, 500_000);
    await withStage({ activities }, async ({ name, start }) => {
      const handle = await start('replay', replayWorkflowId(name), {});
      const result = (await handle.result()) as ReplayResult;
      assert.deepEqual([result.examined, result.pages, result.counts.persisted], [120, 12, 96]);
      const first = await handle.client.getHandle(handle.workflowId, handle.firstExecutionRunId).describe();
      assert.equal(first.status.name, 'CONTINUED_AS_NEW');
    });
  });

  test('a field that it does not know, or a worker of another mapping, fails it by name', async () => {
    const refuse = () =>
      Promise.reject(ApplicationFailure.nonRetryable('another mapping: restart', 'Configuration'));
    await withStage({ activities: { replayDeadLetters: refuse } }, async ({ name, start }) => {
      const failsWith = (message: RegExp) => (e: unknown) =>
        e instanceof WorkflowFailedError && message.test(`${e.cause?.message} ${String(e.cause?.cause)}`);
      const misspelt = await start('replay', replayWorkflowId(name), { reasons: 'x' });
      await assert.rejects(misspelt.result(), failsWith(/replay: unknown field "reasons"; it knows reason/));
      const refused = await start('replay', replayWorkflowId(name), {});
      await assert.rejects(refused.result(), failsWith(/another mapping: restart/));
    });
  });
});
