import type { Client as Elasticsearch } from '@elastic/elasticsearch';
import type pg from 'pg';
import { findFigure, type Figure } from '../../clients/elasticsearch/index.js';
import {
  firstClicks,
  keepBatches,
  keepClicks,
  sumClicks,
  type ClickSums,
  type FoundClick,
} from '../../clients/postgres/explain/clicks.js';
import {
  nearFigures,
  readFigure,
  windowText,
  type FigureKey,
  type KeptFigure,
} from '../../clients/postgres/explain/figure.js';
import { readWindowState, type WindowState } from '../../clients/postgres/explain/window.js';
import { cancelQueriesOf } from '../../clients/postgres/aggregate/lock.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { missingTables } from '../../clients/postgres/status/queries.js';
import type { Config } from '../../domain/config/config.js';
import { countrySpellings } from '../../domain/country.js';
import { SchemaMismatch, ServerRefused, ServerUnavailable } from '../../domain/errors.js';
import type { Document } from '../../domain/figure.js';
import { applicationName } from '../../domain/names.js';
import { windowOf } from './key.js';
import type { Exact, ExplainedClick, ExplainReport, Verdict } from './report.js';

export interface ExplainClients {
  readonly postgres: Postgres;
  readonly elasticsearch: Elasticsearch;
}

export interface ExplainOptions {
  /** Clicks that are listed; all are counted. */
  readonly limit: number;
  /** Users and sessions as they are stored, instead of numbers. */
  readonly showUsers: boolean;
  readonly signal: AbortSignal;
}

export const exact = (digits: string): Exact =>
  Number.isSafeInteger(Number(digits)) ? Number(digits) : digits;

/** A figure and its clicks, of one snapshot of PostgreSQL, beside what the index holds. Changes nothing. */
export async function explain(
  config: Config,
  clients: ExplainClients,
  key: FigureKey,
  options: ExplainOptions,
): Promise<ExplainReport> {
  const { signal } = options;
  const application = applicationName(config.name, 'explain', 'figure', String(process.pid));
  // A query of minutes would else go on after Ctrl-C.
  const cancel = (): void => void cancelQueriesOf(clients.postgres.pool, application).catch(() => undefined);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await collect(config, clients, key, options, application);
  } catch (e) {
    signal.throwIfAborted();
    throw e;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** The figure of the first spelling that has one; the code's where none has. */
async function readMeant(
  client: pg.ClientBase,
  asked: FigureKey,
): Promise<{ readonly key: FigureKey; readonly kept: KeptFigure | undefined }> {
  let key = asked;
  for (const country of countrySpellings(asked.country)) {
    key = { ...asked, country };
    const kept = await readFigure(client, key);
    if (kept !== undefined) return { key, kept };
  }
  return { key, kept: undefined };
}

async function collect(
  config: Config,
  clients: ExplainClients,
  asked: FigureKey,
  options: ExplainOptions,
  application: string,
): Promise<ExplainReport> {
  return withClient(clients.postgres, application, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    const missing = await missingTables(client, config.name);
    if (missing.length > 0)
      throw new SchemaMismatch(
        `PostgreSQL's schema ${config.name} lacks ${missing.slice(0, 3).join(', ')}: run \`clickstream migrate\``,
      );
    const { key, kept } = await readMeant(client, asked);
    const window = windowOf(key);
    const state = await readWindowState(client, key, window);
    await keepClicks(client, config, key, window);
    await keepBatches(client);
    const sums = await sumClicks(client);
    const clicks = await firstClicks(client, options.limit);
    const isNothing = kept?.document === undefined && sums.clicks === '0';
    const near = isNothing ? await nearFigures(client, key) : [];
    await client.query('ROLLBACK');
    const index = await indexState(clients.elasticsearch, config, key, kept, options.signal);
    const differences = differencesOf(key, kept?.document, state, sums);
    const verdict: Verdict = isNothing
      ? 'nothing'
      : differences.length === 0
        ? 'equal'
        : state.markedHours > 0
          ? 'waiting'
          : 'different';
    return {
      url: key.url,
      country: key.country,
      grain: key.grain,
      window_start: windowText(key.start),
      verdict,
      figure: kept?.document === undefined ? null : figureOf(kept.document),
      vanished: kept !== undefined && kept.document === undefined ? exact(kept.version) : null,
      run: runOf(kept),
      index,
      marked_hours: state.markedHours,
      floor: state.floor,
      frozen: {
        hours: state.frozen.hours,
        click_count: exact(state.frozen.clicks),
        bot_clicks: exact(state.frozen.bots),
        timed_clicks: exact(state.frozen.timed),
        total_time_spent_ms: exact(state.frozen.timeSpentMs),
      },
      found: {
        click_count: exact(sums.clicks),
        bot_clicks: exact(sums.bots),
        unique_users: exact(sums.users),
        timed_clicks: exact(sums.timed),
        total_time_spent_ms: exact(sums.timeSpentMs),
        late_clicks: exact(sums.late),
        own_times_beyond: exact(sums.ownBeyond),
        own_times_negative: exact(sums.ownNegative),
        by_time: sums.byHow,
      },
      differences,
      clicks: explained(clicks, options.showUsers),
      nearest: near.map((one) => ({
        window_start: one.windowStart,
        country: one.country,
        click_count: exact(one.clicks),
      })),
    };
  });
}

const figureOf = (d: Document): NonNullable<ExplainReport['figure']> => ({
  click_count: exact(d.clickCount),
  bot_clicks: exact(d.botClicks),
  unique_users: exact(d.uniqueUsers),
  unique_users_exact: d.uniqueUsersExact,
  timed_clicks: exact(d.timedClicks),
  total_time_spent_ms: exact(d.totalTimeSpentMs),
  avg_time_spent_ms: d.avgTimeSpentMs,
  median_time_spent_ms: d.medianTimeSpentMs,
  p90_time_spent_ms: d.p90TimeSpentMs,
  version: exact(d.version),
});

function runOf(kept: KeptFigure | undefined): ExplainReport['run'] {
  const run = kept?.run ?? null;
  if (run === null) return null;
  return {
    id: exact(run.runId),
    started_at: run.startedAt,
    finished_at: run.finishedAt,
    workflow_id: run.workflowId,
    workflow_run_id: run.workflowRunId,
  };
}

/** What the index holds beside what PostgreSQL keeps; a server that is away is part of the answer. */
async function indexState(
  elasticsearch: Elasticsearch,
  { name }: Config,
  { grain }: FigureKey,
  kept: KeptFigure | undefined,
  signal: AbortSignal,
): Promise<ExplainReport['index']> {
  if (kept === undefined) return { state: 'same', version: null, detail: null };
  let found: Figure | undefined;
  try {
    found = await findFigure(elasticsearch, name, grain, kept.id, signal);
  } catch (e) {
    if (!(e instanceof ServerUnavailable || e instanceof ServerRefused)) throw e;
    return { state: 'unknown', version: null, detail: e.message };
  }
  const version = found === undefined ? null : found.version;
  if (isSame(kept.document, found)) return { state: 'same', version, detail: null };
  if (kept.refused !== null) return { state: 'refused', version, detail: kept.refused };
  return { state: kept.isSent ? 'different' : 'behind', version, detail: null };
}

function isSame(document: Document | undefined, found: Figure | undefined): boolean {
  if (document === undefined || found === undefined) return document === undefined && found === undefined;
  return Object.entries(figureOf(document)).every(
    ([name, value]) => String(found[name as keyof Figure]) === String(value),
  );
}

/** Where stored figure and rows (with the frozen hours) are not the same. */
function differencesOf(
  { grain }: FigureKey,
  stored: Document | undefined,
  { frozen }: WindowState,
  found: ClickSums,
): ExplainReport['differences'] {
  const pairs: [figure: string, stored: string, found: string, frozen: string][] = [
    ['click_count', stored?.clickCount ?? '0', found.clicks, frozen.clicks],
    ['bot_clicks', stored?.botClicks ?? '0', found.bots, frozen.bots],
    ['timed_clicks', stored?.timedClicks ?? '0', found.timed, frozen.timed],
    ['total_time_spent_ms', stored?.totalTimeSpentMs ?? '0', found.timeSpentMs, frozen.timeSpentMs],
  ];
  // Estimates are expected to differ, and people of frozen hours cannot be counted again.
  const countsUsers = frozen.hours === 0 && (stored?.uniqueUsersExact ?? true);
  if (countsUsers) pairs.push(['unique_users', stored?.uniqueUsers ?? '0', found.users, '0']);
  // A frozen hour has no rows to be compared with: the figure itself is the frozen part.
  if (grain === 'hour' && frozen.hours > 0) return [];
  return pairs
    .map(([figure, a, b, part]) => ({ figure, stored: BigInt(a), found: BigInt(b) + BigInt(part) }))
    .filter((pair) => pair.stored !== pair.found)
    .map((pair) => ({
      figure: pair.figure,
      stored: exact(String(pair.stored)),
      found: exact(String(pair.found)),
    }));
}

/** Numbers in the order of the list stand for people, who are nobody's business here. */
function numbering(letter: string): (stored: string | null) => string | null {
  const seen = new Map<string, string>();
  return (stored) => {
    if (stored === null) return null;
    const known = seen.get(stored) ?? `${letter}${seen.size + 1}`;
    seen.set(stored, known);
    return known;
  };
}

function explained(clicks: readonly FoundClick[], showUsers: boolean): ExplainedClick[] {
  const [user, session] = showUsers
    ? [(stored: string | null) => stored, (stored: string | null) => stored]
    : [numbering('u'), numbering('s')];
  return clicks.map((c) => ({
    event_time: c.at,
    event_id: c.eventId,
    click_id: c.clickId,
    user: user(c.user),
    session: session(c.session),
    is_bot: c.isBot,
    time_spent_ms: c.spentMs === null ? null : exact(c.spentMs),
    time_from: c.how,
    own_time_beyond: c.ownBeyond,
    next:
      c.nextAt === null || c.nextClickId === null || c.nextUrl === null
        ? null
        : { event_time: c.nextAt, click_id: c.nextClickId, url: c.nextUrl },
    is_late: c.isLate,
    committed_at: c.committedAt,
    batch_id: c.batchId,
    topic: c.topic,
    partition: c.partition,
    offset: exact(c.offset),
  }));
}
