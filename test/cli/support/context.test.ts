import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Command } from 'commander';
import { createContext } from '../../../cli/support/context.js';

/** What is written to stderr while `work` runs, as lines. */
function linesOf(work: () => void): string[] {
  const { isTTY } = process.stderr;
  let said = '';
  process.stderr.isTTY = false;
  const write = mock.method(process.stderr, 'write', (text: string) => {
    said += text;
    return true;
  });
  try {
    work();
  } finally {
    write.mock.restore();
    process.stderr.isTTY = isTTY;
  }
  return said.split('\n').slice(0, -1);
}

test('without a terminal a state is told once, however often something else is told in between', () => {
  const lines = linesOf(() => {
    const { ctx } = createContext(new Command());
    for (const attempt of [2, 3]) {
      ctx.status('ingesting');
      ctx.progress(`trying again: attempt ${attempt}`);
    }
    ctx.status('analyzing');
  });
  assert.deepEqual(lines, ['ingesting', 'trying again: attempt 2', 'trying again: attempt 3', 'analyzing']);
});
