import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import {
  IndexGone,
  mapEsError,
  REQUEST_FIGURES,
  sendBulk,
  type BulkBody,
  type GrainIndex,
  type Sent,
} from '../clients/elasticsearch/index.js';
import { moveCursor, openCursor, readCursor } from '../clients/postgres/index/cursor.js';
import { readFigures, type Cursor } from '../clients/postgres/index/figures.js';
import { databaseTime, forgetRejects, keepRejects, readRejected } from '../clients/postgres/index/rejects.js';
import { withClient } from '../clients/postgres/pool.js';
import { applicationName, writeAlias, type Grain } from '../domain/names.js';
import type { IndexResult } from '../domain/stages.js';
import type { AnalyzeDeps } from './deps.js';
import { inPages, sendPages } from './sendPages.js';

/** Figures of one request: some 1 MB. The cursor is saved after each, so little is sent again. */
const PAGE = REQUEST_FIGURES;
/** Figures of one look at PostgreSQL: a longer one would keep VACUUM from what dies meanwhile. */
const STRETCH = 20_000;
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
  /** Lends another connection, for figures that arrive while cursors are saved. */
  withReader<T>(use: (reader: PgClient) => Promise<T>): Promise<T>;
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

function send(a: Attempt, target: GrainIndex): (page: BulkBody) => Promise<Sent> {
  const { signal, patienceMs } = a;
  return (page) => sendBulk(a.deps.elasticsearch, target, page, { signal, patienceMs });
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
 * Sends everything above the cursor, which follows page by page. Until nothing is left: what was committed meanwhile
 * is sent, too.
 */
async function sendAbove(a: Attempt, target: GrainIndex, from: Cursor, tally: Tally): Promise<Cursor> {
  let saved = from;
  async function* pages(reader: PgClient): AsyncGenerator<BulkBody> {
    let read = from;
    for (let more = true; more;) {
      more = false;
      if (isBeyond(saved, read)) read = saved;
      for await (const page of inPages(readFigures(reader, target.grain, read, STRETCH), a.page)) {
        const { id, version } = page.key(page.count - 1);
        read = { version, figureId: id };
        more = true;
        yield page;
      }
    }
  }
  await a.withReader((reader) =>
    sendPages(pages(reader), send(a, target), async ({ id, version }, sent) => {
      await keep(a, target, sent, tally);
      saved = { version, figureId: id };
      if (!(await moveCursor(a.client, target, saved))) {
        // Another attempt is ahead: go on from there. Another index under this name: begin again with that one.
        const stored = await readCursor(a.client, target.index);
        if (stored?.uuid !== target.uuid) throw new IndexGone(writeAlias(target.index));
        saved = stored;
      }
      a.beat(target.grain, saved);
      await a.deps.failpoint('indexMetrics:after-cursor');
      a.signal.throwIfAborted();
    }),
  );
  return saved;
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
  await a.withReader((reader) =>
    sendPages(inPages(readRejected(reader, target, before), a.page), send(a, target), async (_, sent) => {
      await keep(a, target, sent, tally);
      a.signal.throwIfAborted();
    }),
  );
  await forgetRejects(a.client, target.index, before);
}

/**
 * Lends what an attempt of the named activity works with: connections to PostgreSQL, a heartbeat that goes on
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
        withReader: (read) => withClient(deps.postgres, application, read),
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
