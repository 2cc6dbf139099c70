import { ID_BYTES } from '../clients/postgres/claimFilter.js';
import { latestEventIds } from '../clients/postgres/latestIds.js';
import { withClient } from '../clients/postgres/pool.js';
import { applicationName } from '../domain/names.js';
import type { IngestDeps } from './deps.js';

export interface WarmClaimsOptions {
  /** Ids at most; default 2,000,000, a quarter of what the filter remembers. */
  readonly ids?: number;
  /** Time at most, ms; default 20,000. */
  readonly ms?: number;
}

/**
 * Tells the claim filter of a process that has just started the ids of the latest clicks, so that what is sent again
 * across a restart costs no rolled back COPY. In the background, and only as good as its bounds: never throws.
 * @returns how many
 */
export async function warmClaims(
  { postgres, claims, logger }: Pick<IngestDeps, 'postgres' | 'claims' | 'logger'>,
  signal: AbortSignal,
  { ids = 2_000_000, ms = 20_000 }: WarmClaimsOptions = {},
): Promise<number> {
  const startedAt = Date.now();
  let count = 0;
  try {
    await withClient(postgres, applicationName(postgres.name, 'claims', 'warm', 'up'), async (client) => {
      for await (const latest of latestEventIds(client)) {
        const few = latest.subarray(0, ID_BYTES * (ids - count));
        const seen = new Uint8Array(few.length / ID_BYTES);
        claims.claim(few, seen);
        count += seen.length;
        if (signal.aborted || count >= ids || Date.now() - startedAt > ms) break;
      }
    });
    logger.debug({ ids: count, ms: Date.now() - startedAt }, 'the claim filter is warm');
  } catch (e) {
    logger.debug({ err: String(e) }, 'the claim filter was not warmed up');
  }
  return count;
}
