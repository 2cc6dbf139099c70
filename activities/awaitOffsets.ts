import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { topicOffsets } from '../clients/postgres/offsets.js';
import { withClient } from '../clients/postgres/pool.js';
import { ShardStalled } from '../domain/errors.js';
import { shardWorkflowId } from '../domain/names.js';
import type { AwaitOffsetsInput } from '../domain/stages.js';
import type { BaseDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { underHeartbeat } from './heartbeat.js';

const POLL_MS = 1000;
const STALL_MS = 5 * 60 * 1000;

/**
 * Waits until whoever holds the shard has persisted it up to `until`, asking PostgreSQL.
 * @throws ShardStalled: no offset of the shard moved for `stallMs`
 */
export function createAwaitOffsets(
  deps: Pick<BaseDeps, 'postgres' | 'config'>,
): (input: AwaitOffsetsInput) => Promise<void> {
  return wrapActivity(async ({ topic, shard, shards, until, stallMs = STALL_MS }) => {
    const signal = Context.current().cancellationSignal;
    const wanted = until.filter(({ partition }) => partition % shards === shard);
    let behind = 0;
    await underHeartbeat(
      () => ({ topic, shard, behind }),
      async () => {
        let seen = '';
        for (let moved = Date.now(); ;) {
          const offsets = await withClient(deps.postgres, `${deps.postgres.name}:awaitOffsets`, (client) =>
            topicOffsets(client, topic),
          );
          const gaps = wanted.map((p) => Number(BigInt(p.offset) - (offsets.get(p.partition) ?? 0n)));
          behind = gaps.reduce((n, gap) => n + Math.max(0, gap), 0);
          if (behind === 0) return;
          const now = wanted.map(({ partition }) => offsets.get(partition)).join();
          if (now !== seen) moved = Date.now();
          seen = now;
          if (Date.now() - moved >= stallMs)
            throw new ShardStalled(
              `shard ${shard} of topic ${topic} has not moved for ${Math.round(stallMs / 1000)} s and is ${behind} ` +
                `records behind; ${shardWorkflowId(deps.config.name, topic, shard)} should be ingesting it`,
            );
          await sleep(Math.min(POLL_MS, stallMs), undefined, { signal });
        }
      },
    );
  });
}
