import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from '@temporalio/worker';
import { HISTORIES, readHistory } from '../support/temporal.js';
import { ROOT } from '../support/cli.js';

/** What must be covered: every workflow type, and every way that its code can take. */
const EXPECTED = [
  'analyze',
  'analyze-index-behind',
  'analyze-retention',
  'analyze-retention-refused',
  'backfill',
  'backfill-cancelled',
  'backfill-dry-run',
  'backfill-failed-days',
  'backfill-paused',
  'ingest-all',
  'ingest-draining',
  'ingest-fenced',
  'ingest-read-ahead',
  'ingest-resumed',
  'ingest-shards-change',
  'ingest-shards-wanted',
  'ingest-spool-lost',
  'ingest-stopped',
  'ingest-worker-gone',
  'pipeline',
  'pipeline-held',
  'replay',
  'pipeline-shards-change',
];

test('every recorded history replays on this code without a difference', async () => {
  const names = readdirSync(HISTORIES)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
  assert.deepEqual(
    EXPECTED.filter((name) => !names.includes(name)),
    [],
    'a history is missing: record them with CLICKSTREAM_RECORD_HISTORIES=1 npm test -- workflows',
  );
  const histories = names.map((name) => ({
    workflowId: name,
    history: readHistory(name),
  }));
  const replayed: string[] = [];
  const results = Worker.runReplayHistories(
    { workflowBundle: { codePath: join(ROOT, 'dist/workflow-bundle.js') } },
    histories,
  );
  for await (const { workflowId, error } of results) {
    assert.equal(error, undefined, `${workflowId}: ${error?.message ?? ''}`);
    replayed.push(workflowId);
  }
  assert.equal(replayed.length, histories.length);
});
