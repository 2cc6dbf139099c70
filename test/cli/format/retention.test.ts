import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retentionText } from '../../../cli/format/retention.js';
import type { AnalyzeResult, RetentionResult } from '../../../domain/stages.js';

const nothing: RetentionResult = { days: 0, clicks: 0, deadLetters: 0, tombstones: 3, daysLeft: 0, ms: 1 };
const said = (more: Pick<AnalyzeResult, 'retention' | 'retentionError'>): string =>
  retentionText({ ...more } as AnalyzeResult);

test('a run says what it retired and what it could not, and is silent when there was nothing', () => {
  assert.equal(said({}), '');
  assert.equal(said({ retention: nothing }), '');
  assert.equal(
    said({
      retention: { ...nothing, days: 3, clicks: 1200, deadLetters: 1, floor: '2026-01-31T00:00:00.000Z' },
    }),
    '\nretention: 3 days with 1,200 clicks dropped, kept from 2026-01-31 on; 1 dead letter removed',
  );
  assert.equal(
    said({ retention: { ...nothing, daysLeft: 1, held: 'others read or write the tables' } }),
    '\nretention: 1 day left: others read or write the tables',
  );
  assert.equal(
    said({ retentionError: 'must be owner of table click_data' }),
    '\nretention: not applied, must be owner of table click_data',
  );
});
