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
      for await (const words of latestEventIds(client)) {
        const few = words.subarray(0, 4 * (ids - count));
        for (let at = 0; at < few.length; at += 4)
          claims.claim(few[at] ?? 0, few[at + 1] ?? 0, few[at + 2] ?? 0, few[at + 3] ?? 0);
        count += few.length / 4;
        if (signal.aborted || count >= ids || Date.now() - startedAt > ms) break;
      }
    });
    logger.debug({ ids: count, ms: Date.now() - startedAt }, 'the claim filter is warm');
  } catch (e) {
    logger.debug({ err: String(e) }, 'the claim filter was not warmed up');
  }
  return count;
}
