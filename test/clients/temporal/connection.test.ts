import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { mapTemporalError } from '../../../clients/temporal/index.js';
import { FiguresOutdated, ServerUnavailable } from '../../../domain/errors.js';

const target = { options: { address: 't:7233' }, address: 't:7233', namespace: 'default' };
const words = 'analyze.session_timeout differs; the transport timed out, unavailable';

describe('what keeps us from Temporal', () => {
  test('is never taken for what a workflow failed with, whatever words that has', () => {
    const failed = new WorkflowFailedError(
      'Workflow execution failed',
      ApplicationFailure.nonRetryable(words, 'FiguresOutdated'),
      'NON_RETRYABLE_FAILURE',
    );
    const told = new Error(words, { cause: failed });
    for (const error of [failed, told, new FiguresOutdated(words)])
      assert.equal(mapTemporalError(error, target), error);
  });

  test('is a server that does not answer, by address and namespace', () => {
    const error = mapTemporalError(new Error('Failed to connect before the deadline'), target);
    assert.ok(error instanceof ServerUnavailable);
    assert.match(error.message, /t:7233, namespace default/);
  });
});
