import { Context } from '@temporalio/activity';
import {
  countDocuments,
  openBuild,
  refresh,
  swapReadAlias,
  withRetries,
  type GrainIndex,
} from '../clients/elasticsearch/index.js';
import { forgetIndices } from '../clients/postgres/index/cursor.js';
import { readExpected } from '../clients/postgres/index/level.js';
import { forgetRejectsOf } from '../clients/postgres/index/rejects.js';
import { IndexDiffers } from '../domain/errors.js';
import type { ReindexGrainInput, ReindexGrainResult } from '../domain/stages.js';
import type { AnalyzeDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { level, withAttempt, type Attempt, type IndexTuning } from './levelIndex.js';

/**
 * Fills a new index until every figure has been sent, and proves it: in one snapshot of PostgreSQL nothing is left
 * to send, and there are as many documents as figures. Runs that compute figures meanwhile leave more to send.
 */
async function fill(a: Attempt, target: GrainIndex): Promise<{ documents: number; rejected: number }> {
  for (;;) {
    await level(a, target);
    const expected = await readExpected(a.client, target);
    if (expected.notSent > 0) continue;
    await withRetries(() => refresh(a.deps.elasticsearch, [target.index], a.signal), a);
    const documents = await withRetries(
      () => countDocuments(a.deps.elasticsearch, target.index, a.signal),
      a,
    );
    const { figures, rejected } = expected;
    // A figure that was refused may have an older version of itself in the index.
    if (documents < figures - rejected || documents > figures) {
      throw new IndexDiffers(
        `${target.index} holds ${documents} documents, PostgreSQL has ${figures} figures of the grain ${target.grain}, ` +
          `of which ${rejected} were refused: the read alias stays where it is; does anything else write to ${target.index}?`,
      );
    }
    return { documents, rejected };
  }
}

/**
 * Builds the index of a grain anew and puts it behind the read alias, which stands for the old one until that moment;
 * the old one is kept. Idempotent within a workflow run: another attempt goes on with the same new index, from its
 * cursor, or finds it in place. Fails with `ServerUnavailable` (retry), `ServerRefused` or `IndexDiffers`.
 */
export function createReindexGrain(
  deps: AnalyzeDeps,
  tuning: IndexTuning = {},
): (input: ReindexGrainInput) => Promise<ReindexGrainResult> {
  return wrapActivity(({ grain }) =>
    withAttempt(deps, 'reindexGrain', tuning, async (a) => {
      const began = Date.now();
      const { elasticsearch, config, logger } = deps;
      const run = Context.current().info.workflowExecution?.runId ?? '';
      const build = await withRetries(() => openBuild(elasticsearch, config.name, grain, run, a.signal), a);
      if (build.removed.length > 0) {
        await forgetIndices(a.client, build.removed);
        await forgetRejectsOf(a.client, build.removed);
        logger.warn({ grain, removed: build.removed }, 'removed indices that earlier runs left unfinished');
      }
      const { target, replaces } = build;
      await deps.failpoint('reindexGrain:after-create');
      if (!build.live) {
        await fill(a, target);
        await deps.failpoint('reindexGrain:before-swap');
        const step = { from: replaces, to: target.index };
        await withRetries(() => swapReadAlias(elasticsearch, config.name, grain, step, a.signal), a);
        await deps.failpoint('reindexGrain:after-swap');
      }
      // A run that found the old index behind the alias may have sent its figures there just before the swap.
      const { documents, rejected } = await fill(a, target);
      const result = { grain, index: target.index, replaced: replaces, documents, rejected };
      const ms = Date.now() - began;
      logger.info({ ...result, ms }, 'index built anew');
      return { ...result, ms };
    }),
  );
}
