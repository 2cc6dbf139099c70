import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import {
  ensureIndices,
  IndexGone,
  mapEsError,
  refresh,
  sendChanges,
  withRetries,
  type GrainIndex,
  type Sent,
} from '../clients/elasticsearch/index.js';
import { moveCursor, openCursor, readCursor } from '../clients/postgres/index/cursor.js';
import { readChanges, type Cursor } from '../clients/postgres/index/figures.js';
import { databaseTime, forgetRejects, keepRejects, readRejected } from '../clients/postgres/index/rejects.js';
import { withClient } from '../clients/postgres/pool.js';
import { ServerRefused } from '../domain/errors.js';
import type { Change } from '../domain/figure.js';
import { applicationName, GRAINS, writeAlias, type Grain } from '../domain/names.js';
import type { IndexMetricsInput, IndexResult } from '../domain/stages.js';
import type { AnalyzeDeps } from './deps.js';
import { wrapActivity } from './failure.js';

/** Figures read and sent before the cursor is saved: some 1 MB, and half a second at worst to send again. */
const PAGE = 5_000;
/**
 * One attempt waits so long without any success, ms; then it fails, so that Temporal's UI shows the retry and
 * the reason. How long all attempts may take is the workflow's `scheduleToCloseTimeout`.
 */
const ATTEMPT_PATIENCE = 10_000;
/** Sign of life while a request or a pause is under way, ms. */
const HEARTBEAT_EVERY = 3_000;

export interface IndexTuning {
  readonly page?: number;
}

type GrainResult = IndexResult['grains'][number];
type PgClient = Parameters<Parameters<typeof withClient>[2]>[0];

/** One attempt: what it works with and what it has done. */
interface Attempt {
  readonly deps: AnalyzeDeps;
  readonly client: PgClient;
  readonly signal: AbortSignal;
  readonly patienceMs: number;
  readonly page: number;
  beat(grain: Grain, cursor: Cursor): void;
}

class Tally {
  indexed = 0;
  deleted = 0;
  stale = 0;
  rejected = 0;
  add(sent: Sent): void {
    this.indexed += sent.indexed;
    this.deleted += sent.deleted;
    this.stale += sent.stale;
    this.rejected += sent.rejected.length;
  }
}

/** Sends one page and keeps what was refused. */
async function sendPage(
  a: Attempt,
  target: GrainIndex,
  changes: readonly Change[],
  tally: Tally,
): Promise<void> {
  const { signal, patienceMs } = a;
  const sent = await sendChanges(a.deps.elasticsearch, writeAlias(target.index), changes, {
    signal,
    patienceMs,
  });
  await a.deps.failpoint('indexMetrics:after-bulk');
  await keepRejects(a.client, target.index, sent.rejected);
  tally.add(sent);
}

/** Brings one index level with `click_metrics`: first what is above its cursor, then what earlier runs had refused. */
async function level(a: Attempt, target: GrainIndex): Promise<GrainResult> {
  const tally = new Tally();
  const began = await databaseTime(a.client);
  let cursor = await openCursor(a.client, target);
  for (;;) {
    const changes = await readChanges(a.client, target.grain, cursor, a.page);
    const last = changes.at(-1);
    if (last === undefined) break;
    await sendPage(a, target, changes, tally);
    cursor = { version: last.version, figureId: last.id };
    if (!(await moveCursor(a.client, target, cursor))) {
      // Another attempt is ahead: go on from there. Another index under this name: begin again with that one.
      const stored = await readCursor(a.client, target.index);
      if (stored?.uuid !== target.uuid) throw new IndexGone(writeAlias(target.index));
      cursor = stored;
    }
    a.beat(target.grain, cursor);
    await a.deps.failpoint('indexMetrics:after-cursor');
    a.signal.throwIfAborted();
  }
  await retryRejects(a, target, began, tally);
  const { indexed, deleted, stale, rejected } = tally;
  return {
    grain: target.grain,
    index: target.index,
    indexed,
    deleted,
    stale,
    rejected,
    version: cursor.version,
  };
}

async function retryRejects(a: Attempt, target: GrainIndex, before: string, tally: Tally): Promise<void> {
  for (let after = ''; ;) {
    const changes = await readRejected(a.client, target.index, before, after, a.page);
    const last = changes.at(-1);
    if (last === undefined) break;
    await sendPage(a, target, changes, tally);
    after = last.id;
    a.signal.throwIfAborted();
  }
  await forgetRejects(a.client, target.index, before);
}

/** Levels a grain; an index that vanishes meanwhile is made again, once. */
async function levelGrain(a: Attempt, grain: Grain): Promise<GrainResult> {
  for (let madeAgain = false; ; madeAgain = true) {
    const [target] = await withRetries(
      () => ensureIndices(a.deps.elasticsearch, a.deps.config.name, a.signal, [grain]),
      a,
    );
    if (target === undefined) throw new Error(`no index for the grain ${grain}`);
    try {
      return await level(a, target);
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
 * Brings every grain's index level with `click_metrics` and makes it searchable. Idempotent: versions are
 * external, so a repeated or late attempt changes nothing. Fails with `ServerUnavailable` (retry: the next
 * attempt goes on from the cursor) or `ServerRefused`.
 */
export function createIndexMetrics(
  deps: AnalyzeDeps,
  tuning: IndexTuning = {},
): (input: IndexMetricsInput) => Promise<IndexResult> {
  return wrapActivity(async () => {
    const began = Date.now();
    const context = Context.current();
    const { workflowExecution, attempt } = context.info;
    let where: object = {};
    const beat = (grain: Grain, cursor: Cursor): void => {
      where = { grain, version: cursor.version };
      context.heartbeat(where);
    };
    const timer = setInterval(() => context.heartbeat(where), HEARTBEAT_EVERY);
    const hash = createHash('sha256').update(`${workflowExecution?.runId ?? ''}:${attempt}`);
    const application = applicationName(
      deps.config.name,
      'indexMetrics',
      'index',
      hash.digest('hex').slice(0, 8),
    );
    try {
      return await withClient(deps.postgres, application, async (client) => {
        const a: Attempt = {
          deps,
          client,
          beat,
          signal: context.cancellationSignal,
          // Several attempts fit into the whole patience, so that its end tells the last one's reason.
          patienceMs: Math.min(ATTEMPT_PATIENCE, deps.patienceMs / 3),
          page: tuning.page ?? PAGE,
        };
        const grains: GrainResult[] = [];
        for (const grain of GRAINS) grains.push(await levelGrain(a, grain));
        // Also when nothing was sent: the attempt before this one may have ended just before its refresh.
        const names = grains.map((one) => one.index);
        await withRetries(() => refresh(deps.elasticsearch, names, a.signal), a);
        const result: IndexResult = {
          grains,
          indexed: grains.reduce((n, one) => n + one.indexed, 0),
          rejected: grains.reduce((n, one) => n + one.rejected, 0),
          ms: Date.now() - began,
        };
        const { indexed, rejected, ms } = result;
        deps.logger[rejected > 0 ? 'warn' : 'info'](
          { indexed, rejected, ms },
          'index level with the figures',
        );
        return result;
      });
    } catch (e) {
      throw mapEsError(e);
    } finally {
      clearInterval(timer);
    }
  });
}
