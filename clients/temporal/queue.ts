import type { TemporalClient } from './connection.js';

const WORKFLOW = 1;
const ACTIVITY = 2;

/** How many workers polled a queue within the last minute; 0: what is started there waits. */
export async function pollers(
  { client, target }: TemporalClient,
  queue: string,
  kind: 'workflow' | 'activity',
): Promise<number> {
  const { pollers: found } = await client.workflowService.describeTaskQueue({
    namespace: target.namespace,
    taskQueue: { name: queue },
    taskQueueType: kind === 'workflow' ? WORKFLOW : ACTIVITY,
  });
  // The server remembers pollers for five minutes. A poll lasts a minute at most: whoever asked longer ago is gone.
  const alive = Date.now() / 1000 - 70;
  return (found ?? []).filter((poller) => Number(poller.lastAccessTime?.seconds ?? 0) > alive).length;
}
