import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountOf, startOrJoin } from '../../../clients/temporal/index.js';
import { replayWorkflowId } from '../../../domain/names.js';
import { NO_COUNTS } from '../../../domain/stages.js';
import type { ReplayDeadLettersInput, ReplayResult } from '../../../domain/stages.js';
import { withStage } from '../../support/temporal.js';

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

test('a run that was joined is followed when it continues as new: its account and its result', async () => {
  const [begun, joined, late, asked] = [gate(), gate(), gate(), gate()];
  const activities = {
    // Pages of half a megabyte: the history is full after some eight of them.
    replayDeadLetters: async ({ page }: ReplayDeadLettersInput) => {
      const done = page === undefined ? 0 : Number(page.to);
      if (done === 1) {
        begun.open();
        await joined.opened;
      }
      if (done === 11) {
        late.open();
        await asked.opened;
      }
      const next = {
        batchId: ' '.repeat(500_000),
        sourceId: 0,
        after: `${done}`,
        to: `${done + 1}`,
        letters: 1,
      };
      return { counts: NO_COUNTS, upTo: '12', ...(done < 12 && { next }) };
    },
  };
  await withStage({ activities }, async ({ name, client, start }) => {
    const workflowId = replayWorkflowId(name);
    const first = await start('replay', workflowId, {});
    await begun.opened;
    const target = { options: { address: '' }, address: '', namespace: client.options.namespace };
    const temporal = { client, target, close: () => Promise.resolve() };
    const run = await startOrJoin(temporal, name, { type: 'replay', workflowId, input: {}, summary: '' });
    assert.deepEqual([run.joined, run.runId], [true, first.firstExecutionRunId]);
    joined.open();
    await late.opened;
    const before = await client.workflow.getHandle(workflowId, run.runId).describe();
    assert.equal(before.status.name, 'CONTINUED_AS_NEW');
    assert.match((await accountOf(temporal, run))?.stage ?? '', /up to 11, 10 are done/);
    asked.open();
    assert.equal(((await run.handle.result()) as ReplayResult).pages, 12);
  });
});
