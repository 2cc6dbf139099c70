/** A schema with the fixed tables and two narrow families to put clicks into, and what stands in click_metrics. */
import { createHash } from 'node:crypto';
import type { Column, Config, Servers } from '../../domain/config/config.js';
import type { Grain } from '../../domain/names.js';
import { parseServers } from '../../domain/config/servers.js';
import { openPostgres, type Postgres } from '../../clients/postgres/pool.js';
import { MIGRATIONS } from '../../migrations/index.js';
import { NO_EVENT } from './event.js';
import { figureKey, SESSION_TIMEOUT_MS, type Click, type Figure } from './plainFigures.js';

export * from './plainFigures.js';

const column = (family: Column['family'], name: string, type: Column['type']): Column => ({
  family,
  name,
  type,
  required: name === 'url',
  from: [{ kind: 'path', path: [name] }],
});

/** A configuration with every role; changes are made with the spread of `overrides`. */
export function figuresConfig(name: string, overrides: Partial<Config> = {}): Config {
  const url = column('click_data', 'url', 'text');
  const user = column('click_data', 'user_id', 'text');
  const session = column('click_data', 'session_id', 'text');
  const timeSpent = column('click_data', 'spent', 'double');
  const bot = column('click_data', 'is_bot', 'boolean');
  const country = column('geo_data', 'country', 'text');
  return {
    name,
    kafka: { topics: ['clicks'], start: 'earliest' },
    ingest: { batch: { records: 1000, bytes: 1 << 20, waitMs: 1000 }, spool: { bytes: 1 << 20 } },
    event: NO_EVENT,
    families: { click_data: [url, user, session, timeSpent, bot], geo_data: [country], user_agent_data: [] },
    roles: { url, user, session, timeSpent, bot, country },
    analyze: {
      scheduleMs: 60_000,
      workflow: 'pipeline',
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      indexPatienceMs: 60_000,
    },
    retention: {},
    temporal: { searchAttributes: false },
    ...overrides,
  };
}

export interface FiguresSchema {
  readonly servers: Servers;
  readonly postgres: Postgres;
  /** Inserts clicks and marks the hours they touch, like a batch. Returns their click_ids. */
  add(clicks: readonly Click[]): Promise<string[]>;
  /** Inserts clicks without any mark. */
  addUnmarked(clicks: readonly Click[]): Promise<string[]>;
  mark(...times: string[]): Promise<void>;
  remove(clickIds: readonly string[]): Promise<void>;
  drop(): Promise<void>;
}

/** Makes the installation's schema afresh on the server that the environment names. */
export async function makeFiguresSchema(name: string): Promise<FiguresSchema> {
  const servers = parseServers(process.env);
  const postgres = openPostgres(servers, name);
  const sql = (text: string, values: unknown[] = []) =>
    postgres.pool.query<Record<string, string>>(text, values);
  await sql(`DROP SCHEMA IF EXISTS "${name}" CASCADE; CREATE SCHEMA "${name}"`);
  for (const migration of MIGRATIONS) await sql(migration.sql);
  await sql(`
    CREATE TABLE click_data (click_id bigint NOT NULL, event_id uuid NOT NULL, event_time timestamptz NOT NULL,
      url text NOT NULL, user_id text, session_id text, spent double precision, is_bot boolean);
    CREATE INDEX ON click_data (event_time);
    CREATE TABLE geo_data (click_id bigint NOT NULL, event_time timestamptz NOT NULL, country text);
    CREATE INDEX ON geo_data (event_time);`);
  let next = 0;

  const insert = async (clicks: readonly Click[]): Promise<string[]> => {
    const rows = clicks.map((click) => ({ ...click, id: String((next += 1)) }));
    const json = JSON.stringify(rows);
    await sql(
      `WITH r AS (SELECT * FROM json_to_recordset($1::json) AS r (id bigint, time timestamptz, url text,
         country text, "user" text, session text, bot boolean, "spentMs" double precision)),
       c AS (INSERT INTO click_data SELECT id, ('00000000-0000-0000-0000-' || lpad(to_hex(id), 12, '0'))::uuid, time,
         url, "user", session, "spentMs", bot FROM r)
       INSERT INTO geo_data SELECT id, time, country FROM r`,
      [json],
    );
    return rows.map((row) => row.id);
  };
  const mark = async (...times: string[]): Promise<void> => {
    await sql(
      `INSERT INTO window_mark (window_start, batch_id)
       SELECT DISTINCT h, 'test' FROM unnest($1::timestamptz[]) AS t (t),
         generate_series(date_trunc('hour', t - interval '30 minutes', 'UTC'), t, interval '1 hour') AS h`,
      [times],
    );
  };
  return {
    servers,
    postgres,
    addUnmarked: insert,
    mark,
    async add(clicks) {
      const ids = await insert(clicks);
      await mark(...new Set(clicks.map((click) => click.time)));
      return ids;
    },
    async remove(clickIds) {
      await sql('DELETE FROM click_data WHERE click_id = ANY($1::bigint[])', [clickIds]);
      await sql('DELETE FROM geo_data WHERE click_id = ANY($1::bigint[])', [clickIds]);
    },
    async drop() {
      await sql(`DROP SCHEMA IF EXISTS "${name}" CASCADE`);
      await postgres.close();
    },
  };
}

interface StoredRow {
  grain: Grain;
  window_start: Date | null;
  url: string;
  country: string;
  click_count: string;
  bot_clicks: string;
  unique_users: string;
  unique_users_exact: boolean;
  users_sketch: Buffer | null;
  timed_clicks: string;
  total_time_spent_ms: string;
  avg_time_spent_ms: number | null;
  median_time_spent_ms: number | null;
  p90_time_spent_ms: number | null;
  version: string;
  deleted: boolean;
}

export interface Stored {
  readonly figures: Map<string, Figure>;
  readonly versions: Map<string, string>;
  readonly sketches: Map<string, string>;
  readonly tombstones: Set<string>;
}

/** What click_metrics holds. */
export async function storedFigures(postgres: Postgres): Promise<Stored> {
  const { rows } = await postgres.pool.query<StoredRow>('SELECT * FROM click_metrics');
  const stored: Stored = {
    figures: new Map(),
    versions: new Map(),
    sketches: new Map(),
    tombstones: new Set(),
  };
  for (const row of rows) {
    const key = figureKey(row.grain, row.window_start?.toISOString() ?? '', row.url, row.country);
    stored.versions.set(key, row.version);
    if (row.deleted) {
      stored.tombstones.add(key);
      continue;
    }
    stored.sketches.set(
      key,
      createHash('sha256')
        .update(row.users_sketch ?? '')
        .digest('hex'),
    );
    stored.figures.set(key, {
      clicks: Number(row.click_count),
      bots: Number(row.bot_clicks),
      users: Number(row.unique_users),
      exact: row.unique_users_exact,
      timed: Number(row.timed_clicks),
      totalMs: Number(row.total_time_spent_ms),
      avg: row.avg_time_spent_ms,
      median: row.median_time_spent_ms,
      p90: row.p90_time_spent_ms,
    });
  }
  return stored;
}

/** As far as floating point goes: rounds percentiles to a millionth of a ms. */
export const comparable = (figures: ReadonlyMap<string, Figure>): [string, Figure][] => {
  const round = (value: number | null): number | null =>
    value === null ? null : Math.round(value * 1e6) / 1e6;
  return [...figures]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, figure]) => [
      key,
      { ...figure, avg: round(figure.avg), median: round(figure.median), p90: round(figure.p90) },
    ]);
};

/** A small generator of numbers in [0, 1), the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Clicks of a made-up site between two times, with and without user, session, country and own time. */
export function someClicks(count: number, from: string, to: string, seed = 1): Click[] {
  const random = randomFrom(seed);
  const start = Date.parse(from);
  const span = Date.parse(to) - start;
  const pick = (n: number): number => Math.floor(random() * n);
  return Array.from({ length: count }, () => {
    const user = pick(40);
    return {
      time: new Date(start + pick(span)).toISOString(),
      url: `/page/${pick(5)}`,
      ...(pick(10) > 1 && { country: ['DE', 'FR', 'US'][pick(3)] ?? 'DE' }),
      ...(pick(10) > 0 && { user: `u${user}` }),
      ...(pick(10) > 1 && { session: `s${user}` }),
      ...(pick(10) === 0 && { bot: true }),
      ...(pick(8) === 0 && { spentMs: pick(100_000) + 0.5 }),
    };
  });
}
