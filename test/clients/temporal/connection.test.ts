import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { connectTemporal, mapTemporalError } from '../../../clients/temporal/index.js';
import { refuseClosed } from '../../../clients/temporal/refused.js';
import { parseServers } from '../../../domain/config/servers.js';
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

  test('is said as it is where nobody listens, while a server that is just starting is waited for', async () => {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    await refuseClosed(`127.0.0.1:${port}`, 10_000);
    listener.close();
    await once(listener, 'close');
    await assert.rejects(
      connectTemporal(parseServers({ TEMPORAL_ADDRESS: `127.0.0.1:${port}` })),
      (e) =>
        e instanceof ServerUnavailable && /127\.0\.0\.1:\d+, .* the connection is refused/.test(e.message),
    );
    const waiting = refuseClosed(`127.0.0.1:${port}`, 10_000);
    listener.listen(port, '127.0.0.1');
    await waiting;
    listener.close();
  });

  test('is a server that does not answer, by address and namespace', () => {
    const error = mapTemporalError(new Error('Failed to connect before the deadline'), target);
    assert.ok(error instanceof ServerUnavailable);
    assert.match(error.message, /t:7233, namespace default/);
  });
});
