import {
  ensureIndices,
  existingIndices,
  IndexGone,
  refresh,
  withRetries,
} from '../clients/elasticsearch/index.js';
import { forgetIndices, readFed } from '../clients/postgres/index/cursor.js';
import { forgetRejectsOf } from '../clients/postgres/index/rejects.js';
import { ServerRefused } from '../domain/errors.js';
import { GRAINS, type Grain } from '../domain/names.js';
import type { IndexMetricsInput, IndexResult } from '../domain/stages.js';
import type { AnalyzeDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { level, withAttempt, type Attempt, type GrainResult, type IndexTuning } from './levelIndex.js';

/** Levels a grain; an index that vanishes meanwhile is made again, once. */
async function levelGrain(a: Attempt, grain: Grain): Promise<GrainResult> {
  for (let madeAgain = false; ; madeAgain = true) {
    const [target] = await withRetries(
      () => ensureIndices(a.deps.elasticsearch, a.deps.config.name, a.signal, [grain]),
      a,
    );
    if (target === undefined) throw new Error(`no index for the grain ${grain}`);
    try {
      const result = await level(a, target);
      // Also when nothing was sent: the attempt before this one may have ended just before its refresh.
      await withRetries(() => refresh(a.deps.elasticsearch, [target.index], a.signal), a);
      return result;
    } catch (e) {
      if (!(e instanceof IndexGone)) throw e;
      if (madeAgain) {
        const message = `${target.index} or its write alias vanished twice during one run: something deletes it`;
        throw new ServerRefused('Elasticsearch', message, { cause: e });
      }
      a.deps.logger.warn(
        { grain, index: target.index },
        'the index vanished during the run; making it again',
      );
    }
  }
}

/**
 * Tombstones wait for every index that has a cursor: one that was deleted has none from now on. Its cursor was read
 * before it was looked for, so one that is being built is not taken for one that is gone.
 */
async function forgetGone(a: Attempt, { grain, index }: GrainResult): Promise<void> {
  const others = (await readFed(a.client, grain)).map((one) => one.index).filter((one) => one !== index);
  if (others.length === 0) return;
  const there = await withRetries(() => existingIndices(a.deps.elasticsearch, others, a.signal), a);
  const gone = others.filter((one) => !there.includes(one));
  if (gone.length === 0) return;
  await forgetIndices(a.client, gone);
  await forgetRejectsOf(a.client, gone);
  a.deps.logger.info({ grain, gone }, 'forgot the cursors of indices that are no more');
}

/**
 * Brings every grain's index level with `click_metrics` and makes it searchable. Idempotent: versions are
 * external, so a repeated or late attempt changes nothing. Fails with `ServerUnavailable` (retry: the next
 * attempt goes on from the cursor) or `ServerRefused`.
 */
export function createIndexMetrics(
  deps: AnalyzeDeps,
  tuning: IndexTuning = {},
): (input: IndexMetricsInput) => Promise<IndexResult> {
  return wrapActivity(() =>
    withAttempt(deps, 'indexMetrics', tuning, async (a) => {
      const began = Date.now();
      const grains: GrainResult[] = [];
      for (const grain of GRAINS) {
        const result = await levelGrain(a, grain);
        await forgetGone(a, result);
        grains.push(result);
      }
      const result: IndexResult = {
        grains,
        indexed: grains.reduce((n, one) => n + one.indexed, 0),
        rejected: grains.reduce((n, one) => n + one.rejected, 0),
        ms: Date.now() - began,
      };
      const { indexed, rejected, ms } = result;
      deps.logger[rejected > 0 ? 'warn' : 'info']({ indexed, rejected, ms }, 'index level with the figures');
      return result;
    }),
  );
}
