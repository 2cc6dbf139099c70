import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type pg from 'pg';
import { recordedShards, setShards, tryLockShards, unlockShards } from '../clients/postgres/offsets.js';
import { withClient } from '../clients/postgres/pool.js';
import { isOpen, mapTemporalError, signal as tell, type TemporalClient } from '../clients/temporal/index.js';
import { shardWorkflowId } from '../domain/names.js';
import type { ChangeShardsInput, ChangeShardsResult } from '../domain/stages.js';
import type { BaseDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { underHeartbeat } from './heartbeat.js';

const POLL_MS = 500;

/**
 * Drains the shards of a topic (each persists the batch in hand and ends) and records another count. The fence keeps
 * two counts at once from losing or doubling a record; draining keeps them from wasting each other's work.
 * One change of a topic at a time: who comes second finds the count changed.
 */
export function createChangeShards(
  deps: Pick<BaseDeps, 'postgres' | 'config' | 'logger'>,
  openTemporal: () => Promise<TemporalClient>,
): (input: ChangeShardsInput) => Promise<ChangeShardsResult> {
  const { postgres, config, logger } = deps;
  return wrapActivity(async ({ topic, from, to }) => {
    const { cancellationSignal } = Context.current();
    const progress = { topic, from, to, open: from };

    const drain = async (temporal: TemporalClient): Promise<void> => {
      const ids = Array.from({ length: from }, (_, shard) => shardWorkflowId(config.name, topic, shard));
      for (const id of ids) await tell(temporal, id, 'stop');
      for (let open = ids; open.length > 0;) {
        const states = await Promise.all(open.map(async (id) => ({ id, open: await isOpen(temporal, id) })));
        open = states.filter((state) => state.open).map(({ id }) => id);
        progress.open = open.length;
        if (open.length > 0) await sleep(POLL_MS, undefined, { signal: cancellationSignal });
      }
    };

    const change = async (client: pg.ClientBase): Promise<ChangeShardsResult> => {
      const recorded = await recordedShards(client, topic, from);
      if (recorded !== from) return { shards: recorded };
      const temporal = await openTemporal();
      try {
        await drain(temporal);
      } catch (e) {
        throw mapTemporalError(e, temporal.target);
      } finally {
        await temporal.close();
      }
      await setShards(client, topic, from, to);
      logger.info({ topic, from, to }, 'the count of shards was changed');
      return { shards: await recordedShards(client, topic, to) };
    };

    return underHeartbeat(
      () => progress,
      () =>
        withClient(postgres, `${postgres.name}:changeShards`, async (client) => {
          while (!(await tryLockShards(client, topic)))
            await sleep(POLL_MS, undefined, { signal: cancellationSignal });
          // A failure gives the connection up, and the lock with it.
          const result = await change(client);
          await unlockShards(client, topic);
          return result;
        }),
    );
  });
}
