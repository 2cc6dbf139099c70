import type pg from 'pg';
import type { Grain } from '../../../domain/names.js';
import type { AggregationResult } from '../../../domain/stages.js';
import type { Postgres } from '../pool.js';

/** A version from the one sequence that all figures share; drawn only when there is something to compute. */
export async function nextVersion(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ version: string }>("SELECT nextval('figure_version') AS version");
  return rows[0]?.version ?? '';
}

/** What Spark's connections enter, so that all of them and this transaction see the same rows. */
export async function exportSnapshot(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<{ id: string }>('SELECT pg_export_snapshot() AS id');
  return rows[0]?.id ?? '';
}

/** About how many figures there are, by the planner's estimate; 0 only when there are none. */
export async function estimateFigures(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ some: boolean }>('SELECT EXISTS (SELECT FROM click_metrics) AS some');
  return rows[0]?.some === true ? Math.max(1, await estimateRows(client, 'SELECT FROM click_metrics')) : 0;
}

async function estimateRows(client: pg.ClientBase, query: string): Promise<number> {
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `EXPLAIN (FORMAT JSON) ${query}`,
  );
  return rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}

/** Clicks that a read of this much time may bring, by the planner's estimate: enough to choose how to read. */
export const estimateClicks = (client: pg.ClientBase, from: number, to: number): Promise<number> =>
  estimateRows(
    client,
    `SELECT FROM click_data
     WHERE event_time >= '${new Date(from).toISOString()}' AND event_time < '${new Date(to).toISOString()}'`,
  );

export interface RunRecord {
  readonly version: string;
  readonly workflowId: string;
  readonly workflowRunId: string;
  readonly activityId: string;
  readonly hours: number;
  readonly clicks: number;
  readonly changed: number;
  readonly vanished: number;
  readonly unchanged: number;
  readonly marksLeft: number;
  readonly startedAt: Date;
}

/** Writes the run's line and returns its number. */
export async function recordRun(client: pg.ClientBase, run: RunRecord): Promise<string> {
  const { rows } = await client.query<{ run_id: string }>(
    `INSERT INTO aggregate_run
       (version, workflow_id, workflow_run_id, activity_id, hours, clicks, changed, vanished, unchanged, marks_left,
        started_at, finished_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, clock_timestamp()) RETURNING run_id`,
    [
      run.version,
      run.workflowId,
      run.workflowRunId,
      run.activityId,
      run.hours,
      run.clicks,
      run.changed,
      run.vanished,
      run.unchanged,
      run.marksLeft,
      run.startedAt.toISOString(),
    ],
  );
  return rows[0]?.run_id ?? '';
}

/** What an earlier attempt at this activity committed; undefined when none did. */
export async function committedRun(
  client: pg.ClientBase,
  { workflowRunId, activityId }: Pick<RunRecord, 'workflowRunId' | 'activityId'>,
): Promise<AggregationResult | undefined> {
  const { rows } = await client.query<Record<keyof AggregationResult, string>>(
    `SELECT run_id AS run, version, hours, clicks, changed, vanished, unchanged, marks_left AS "marksLeft",
            round(extract(epoch FROM finished_at - started_at) * 1000) AS ms
     FROM aggregate_run WHERE workflow_run_id = $1 AND activity_id = $2`,
    [workflowRunId, activityId],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const changed = Number(row.changed);
  return {
    run: row.run,
    ...(changed > 0 && { version: row.version }),
    hours: Number(row.hours),
    clicks: Number(row.clicks),
    changed,
    vanished: Number(row.vanished),
    unchanged: Number(row.unchanged),
    marksLeft: Number(row.marksLeft),
    // The worker's clock tells the begin, PostgreSQL's the end.
    ms: Math.max(0, Number(row.ms)),
  };
}

/** The id of a figure, which is also its document's, in hex. */
export async function figureIdOf(
  { pool }: Postgres,
  grain: Grain,
  start: Date,
  url: string,
  country: string,
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    "SELECT encode(figure_id($1, $2::timestamptz, $3, $4), 'hex') AS id",
    [grain, start.toISOString(), url, country],
  );
  return rows[0]?.id ?? '';
}
