import { setTimeout as sleep } from 'node:timers/promises';
import { allNextOffsets } from '../clients/postgres/offsets.js';
import { withClient } from '../clients/postgres/pool.js';
import type { IngestDeps } from './deps.js';

/**
 * Waits while the spool is full, sweeping it.
 * @param patienceMs how long, at most
 * @returns whether there is room now
 */
export async function roomInSpool(
  { spool, postgres, logger, draining }: Pick<IngestDeps, 'spool' | 'postgres' | 'logger' | 'draining'>,
  patienceMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (const began = Date.now(); spool.full;) {
    const committed = await withClient(postgres, `${postgres.name}:sweep`, allNextOffsets);
    await spool.sweep((source, partition) => committed.get(`${source}/${partition}`));
    if (!spool.full) return true;
    if (Date.now() - began > patienceMs || draining?.aborted === true) return false;
    logger.debug({ spool: spool.id }, 'the spool is full, waiting for batches to be persisted');
    await sleep(1000, undefined, { signal });
  }
  return true;
}
