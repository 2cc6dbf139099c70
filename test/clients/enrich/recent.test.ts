import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentAnswers } from '../../../clients/enrich/recent.js';

test('what was asked for lately is not made again, what was not is forgotten', () => {
  const answers = new RecentAnswers<string>(8);
  const made: string[] = [];
  const ask = (key: string): void => {
    const answer = answers.get(key, () => {
      made.push(key);
      return `answer ${key}`;
    });
    assert.equal(answer, `answer ${key}`);
  };
  // `often` is asked for between all others, which are more than fit.
  for (let i = 0; i < 20; i++) {
    ask('often');
    ask(`${i}`);
  }
  assert.deepEqual(made.filter((key) => key === 'often').length, 1);
  ask('19');
  assert.equal(made.length, 21);
  ask('0');
  assert.equal(made.at(-1), '0');
});
