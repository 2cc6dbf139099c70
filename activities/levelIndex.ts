import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import {
  CHUNK_CHANGES,
  IndexGone,
  LANES,
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

/** Figures of one request: some 1 MB. The cursor is saved after each, so little is sent again. */
const PAGE = CHUNK_CHANGES;
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

/** A page under way. */
interface Sending {
  readonly last: Cursor;
  readonly sent: Promise<Sent>;
}

function send(a: Attempt, target: GrainIndex, changes: readonly Change[]): Promise<Sent> {
  const { signal, patienceMs } = a;
  return sendChanges(a.deps.elasticsearch, target, changes, { signal, patienceMs, lanes: 1 });
}

/** Keeps what was refused of a page that has its answers. */
async function keep(a: Attempt, target: GrainIndex, sent: Sent, tally: Tally): Promise<void> {
  await a.deps.failpoint('indexMetrics:after-bulk');
  await keepRejects(a.client, target.index, sent.rejected);
  tally.add(sent);
}

const isBeyond = (a: Cursor, b: Cursor): boolean =>
  a.version === b.version ? a.figureId > b.figureId : BigInt(a.version) > BigInt(b.version);

/**
 * Sends everything above the cursor. While two pages are under way the next is read; the cursor follows page by
 * page, in their order, each when all up to it have their answers.
 */
async function sendAbove(a: Attempt, target: GrainIndex, from: Cursor, tally: Tally): Promise<Cursor> {
  let saved = from;
  let read = from;
  const next = async (): Promise<readonly Change[]> => {
    const changes = await readChanges(a.client, target.grain, read, a.page);
    const last = changes.at(-1);
    if (last !== undefined) read = { version: last.version, figureId: last.id };
    return changes;
  };
  const finish = async ({ last, sent }: Sending): Promise<void> => {
    await keep(a, target, await sent, tally);
    saved = last;
    if (!(await moveCursor(a.client, target, last))) {
      // Another attempt is ahead: go on from there. Another index under this name: begin again with that one.
      const stored = await readCursor(a.client, target.index);
      if (stored?.uuid !== target.uuid) throw new IndexGone(writeAlias(target.index));
      if (isBeyond(stored, read)) read = stored;
      saved = stored;
    }
    a.beat(target.grain, saved);
    await a.deps.failpoint('indexMetrics:after-cursor');
    a.signal.throwIfAborted();
  };
  const underWay: Sending[] = [];
  try {
    for (let changes = await next(); changes.length > 0; changes = await next()) {
      const first = underWay.length < LANES ? undefined : underWay.shift();
      await first?.sent;
      const sent = send(a, target, changes);
      // An error is met where the page is finished.
      sent.catch(() => undefined);
      underWay.push({ last: read, sent });
      if (first !== undefined) await finish(first);
    }
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) await finish(first);
    return saved;
  } finally {
    // No request is left running behind the caller's back.
    await Promise.allSettled(underWay.map(({ sent }) => sent));
  }
}

/** Brings one index level with `click_metrics`: first what is above its cursor, then what earlier runs had refused. */
export async function level(a: Attempt, target: GrainIndex): Promise<GrainResult> {
  const tally = new Tally();
  const began = await databaseTime(a.client);
  const { version } = await sendAbove(a, target, await openCursor(a.client, target), tally);
  await retryRejects(a, target, began, tally);
  const { indexed, deleted, stale, rejected } = tally;
  return { grain: target.grain, index: target.index, indexed, deleted, stale, rejected, version };
}

async function retryRejects(a: Attempt, target: GrainIndex, before: string, tally: Tally): Promise<void> {
  for (let after = ''; ;) {
    const changes = await readRejected(a.client, target.index, before, after, a.page);
    const last = changes.at(-1);
    if (last === undefined) break;
    await keep(a, target, await send(a, target, changes), tally);
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
