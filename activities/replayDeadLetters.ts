import { isLockTimeout } from '../clients/postgres/errors.js';
import { withClient } from '../clients/postgres/pool.js';
import { lastDeadLetter } from '../clients/postgres/replay.js';
import { mappingFingerprint, otherMapping } from '../clients/settings/fingerprint.js';
import { ConfigurationError, UsageError } from '../domain/errors.js';
import { LETTER_ID, NO_COUNTS } from '../domain/stages.js';
import type {
  Counts,
  ReplayDeadLettersInput,
  ReplayDeadLettersResult,
  ReplayPage,
  ReplaySelection,
} from '../domain/stages.js';
import { attemptName, endRivals, withAttempt } from './attempt.js';
import type { IngestDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { underHeartbeat } from './heartbeat.js';
import { replayPage } from './replayPage.js';
import { planPage } from './replayPlan.js';

/**
 * Replays a page of dead letters in one transaction and plans the next one. A page that is done already is answered
 * from the ledger.
 * Errors: ConfigurationError (the worker runs another mapping than the caller wants), UsageError, ServerUnavailable.
 */
export function createReplayDeadLetters(
  deps: IngestDeps,
): (input: ReplayDeadLettersInput) => Promise<ReplayDeadLettersResult> {
  return wrapActivity(async ({ selection, fingerprint, page, upTo, limit }) => {
    checkSelection(selection);
    checkMapping(deps, fingerprint);
    const progress = { page: page?.to, letters: page?.letters };
    return underHeartbeat(
      () => progress,
      async (alive) => {
        const counts = page === undefined ? NO_COUNTS : await replay(deps, selection, page, alive);
        const last =
          upTo ?? (await withClient(deps.postgres, `${deps.postgres.name}:replayPlan`, lastDeadLetter));
        const next = await planPage(deps, selection, last, page, limit);
        return { counts, upTo: last, ...(next !== undefined && { next }) };
      },
    );
  });
}

/** A deadlock or a lock that is not given in time fails the attempt: the next one finds everything as it was. */
async function replay(
  deps: IngestDeps,
  selection: ReplaySelection,
  page: ReplayPage,
  alive: AbortSignal,
): Promise<Counts> {
  const own = attemptName(deps.postgres.name, 'replay', 'dead letters');
  let moves = 0;
  const moved = (): void => {
    moves++;
  };
  try {
    const counts = await withAttempt(
      deps,
      own,
      alive,
      () => moves,
      (client) => replayPage({ client, deps, selection, page, moved }),
    );
    await deps.failpoint('replayDeadLetters:after-commit');
    return counts;
  } catch (e) {
    alive.throwIfAborted();
    if (e instanceof Error && isLockTimeout(e.cause)) {
      const ended = await endRivals(deps, own);
      deps.logger.warn({ page: page.to, ended }, 'ended replays that held the locks');
    }
    throw e;
  }
}

/** Whoever mends the mapping and forgets the worker would wonder why nothing passes. */
function checkMapping({ config }: IngestDeps, wanted: string | undefined): void {
  const own = mappingFingerprint(config);
  if (wanted !== undefined && wanted !== own)
    throw new ConfigurationError(`${otherMapping(config, own, wanted)}, then replay again`);
}

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

/** The web UI starts a replay with whatever somebody typed. @throws UsageError */
function checkSelection(selection: ReplaySelection): void {
  const wrong = (field: string, expected: string): never => {
    throw new UsageError(`replay: ${field}: expected ${expected}`);
  };
  const { reason, field, ids, from, to } = selection as Partial<Record<keyof ReplaySelection, unknown>>;
  for (const [name, value] of Object.entries({ reason, field }))
    if (value !== undefined && typeof value !== 'string') wrong(name, 'text');
  const numbers = Array.isArray(ids) && ids.every((id) => typeof id === 'string' && LETTER_ID.test(id));
  if (ids !== undefined && !numbers) wrong('ids', 'numbers of dead letters as texts, such as ["17","18"]');
  for (const [name, value] of Object.entries({ from, to }))
    if (value !== undefined && !(typeof value === 'string' && TIME.test(value)))
      wrong(name, 'a time such as "2026-11-25T14:00:00Z"');
}
