import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import {
  IndexGone,
  mapEsError,
  sendChanges,
  type GrainIndex,
  type Sent,
} from '../clients/elasticsearch/index.js';
import { moveCursor, openCursor, readCursor } from '../clients/postgres/index/cursor.js';
import { readChanges, type Cursor } from '../clients/postgres/index/figures.js';
import { databaseTime, forgetRejects, keepRejects, readRejected } from '../clients/postgres/index/rejects.js';
import { withClient } from '../clients/postgres/pool.js';
import type { Change } from '../domain/figure.js';
import { applicationName, writeAlias, type Grain } from '../domain/names.js';
import type { IndexResult } from '../domain/stages.js';
import type { AnalyzeDeps } from './deps.js';

/** Figures read and sent before the cursor is saved: some 1 MB, and half a second at worst to send again. */
const PAGE = 5_000;
/**
 * One attempt waits so long without any success, ms; then it fails, so that Temporal's UI shows the retry and
 * the reason. How long all attempts may take is the workflow's decision.
 */
const ATTEMPT_PATIENCE = 10_000;
/** Sign of life while a request or a pause is under way, ms. */
const HEARTBEAT_EVERY = 3_000;

export interface IndexTuning {
  readonly page?: number;
}

export type GrainResult = IndexResult['grains'][number];
type PgClient = Parameters<Parameters<typeof withClient>[2]>[0];

/** One attempt: what it works with and what it has done. */
export interface Attempt {
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
  const sent = await sendChanges(a.deps.elasticsearch, target, changes, {
    signal,
    patienceMs,
  });
  await a.deps.failpoint('indexMetrics:after-bulk');
  await keepRejects(a.client, target.index, sent.rejected);
  tally.add(sent);
}

/** Brings one index level with `click_metrics`: first what is above its cursor, then what earlier runs had refused. */
export async function level(a: Attempt, target: GrainIndex): Promise<GrainResult> {
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

/**
 * Lends what an attempt of the named activity works with: one connection to PostgreSQL, a heartbeat that goes on
 * while requests wait, and a patience that several attempts fit into, so that its end tells the last one's reason.
 * Whatever fails leaves as what `mapEsError` makes of it.
 */
export async function withAttempt<T>(
  deps: AnalyzeDeps,
  activity: string,
  tuning: IndexTuning,
  use: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const { workflowExecution, attempt } = context.info;
  let where: object = {};
  const beat = (grain: Grain, cursor: Cursor): void => {
    where = { grain, version: cursor.version };
    context.heartbeat(where);
  };
  const timer = setInterval(() => context.heartbeat(where), HEARTBEAT_EVERY);
  const hash = createHash('sha256').update(`${workflowExecution?.runId ?? ''}:${attempt}`);
  const application = applicationName(deps.config.name, activity, 'index', hash.digest('hex').slice(0, 8));
  try {
    return await withClient(deps.postgres, application, (client) =>
      use({
        deps,
        client,
        beat,
        signal: context.cancellationSignal,
        patienceMs: Math.min(ATTEMPT_PATIENCE, deps.patienceMs / 3),
        page: tuning.page ?? PAGE,
      }),
    );
  } catch (e) {
    throw mapEsError(e);
  } finally {
    clearInterval(timer);
  }
}
