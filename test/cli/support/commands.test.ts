import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withConfig } from '../../../cli/support/commands.js';

test('commands in messages name the configuration that the command was given', () => {
  const said = 'run `clickstream migrate`; go on: npx clickstream ingest skip --topic t --to earliest';
  assert.equal(
    withConfig(said, 'my.yaml'),
    'run `clickstream --config my.yaml migrate`; go on: npx clickstream --config my.yaml ingest skip --topic t --to earliest',
  );
  assert.equal(
    withConfig('`clickstream reindex` makes it anew', 'my.yaml'),
    '`clickstream --config my.yaml reindex` makes it anew',
  );
  assert.match(withConfig(said, "my site's.yaml"), /clickstream --config 'my site'\\''s\.yaml' migrate/);
  assert.equal(withConfig(said, undefined), said);
});

test('what reads no configuration, names one already, or is no command stays as it is', () => {
  for (const said of [
    'run `npx clickstream up`',
    'npx clickstream --config examples/demo.yaml metrics --grain day',
    'nobody polls the task queue clickstream ingest',
  ])
    assert.equal(withConfig(said, 'my.yaml'), said);
});
