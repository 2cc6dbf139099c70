/** Kafka → PostgreSQL against the limits of PostgreSQL and against the textbook, in interleaved rounds. */
import { cpus, loadavg } from 'node:os';
import type { Postgres } from '../../clients/postgres/pool.js';
import { quoteIdent } from '../../clients/postgres/sql.js';
import type { Bench, Run } from './bench.js';
import { prepareFiles, runCopy, type Prepared } from './copy.js';
import { runOurs, type OurRun } from './ours.js';
import type { Shape } from './shape.js';
import { describeRun, summarize, type Extras, type IngestSummary, type Round } from './summary.js';
import { runTextbook } from './textbook.js';
import { deleteTopics, fillTopic, type FilledTopic } from './topics.js';

export type { Bench } from './bench.js';
export { describeSummary } from './words.js';
export type { IngestSummary } from './summary.js';

export interface IngestBenchOptions {
  readonly events: number;
  readonly rounds: number;
  /** Only what the ratios need. */
  readonly quick: boolean;
  /** Also five million events. */
  readonly long: boolean;
}

const SHAPE = { duplicatePercent: 1, days: 3, order: 'by time' } as const;
const MILLION = 1_000_000;
const LONG_EVENTS = 5 * MILLION;
const MANY_DAYS = 60;
/** Of the events: for each of two shards the growing first batches and a full one. */
const WARM_UP = 1 / 2;

export async function ingestBench(bench: Bench, options: IngestBenchOptions): Promise<IngestSummary> {
  const { events, quick, long } = options;
  const topics: string[] = [];
  const fill = async (shape: Partial<Shape> = {}): Promise<FilledTopic> => {
    const filled = await fillTopic(bench, { ...SHAPE, events, ...shape });
    topics.push(filled.topic);
    return filled;
  };
  const told = async <R extends Run>(what: string, run: Promise<R>): Promise<R> => {
    const done = await run;
    bench.report(describeRun(what, done));
    return done;
  };
  try {
    bench.report(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(2) ?? '?'} before the start`);
    const filled = await fill();
    const unique = await fill({ duplicatePercent: 0 });
    const warmUp = await fill({ events: Math.round(events * WARM_UP), seed: 2 });
    let prepared: Prepared | undefined;
    const cold = await told(
      'workers that have just started',
      runOurs(bench, filled, {
        inspect: async (postgres) => {
          prepared = await prepareFiles(bench, postgres, filled.distinct);
        },
      }),
    );
    if (prepared === undefined) throw new Error('no files were prepared');
    const rounds: Round[] = [];
    const files = prepared;
    const contestants: { readonly [C in keyof Round]: readonly [string, () => Promise<Round[C]>] } = {
      csv: ['COPY of CSV', () => runCopy(bench, files, 'csv')],
      ours: ['ours', () => runOurs(bench, filled, { warmUp })],
      binary: ['binary COPY', () => runCopy(bench, files, 'binary')],
      sorted: ['binary COPY, rows sorted', () => runCopy(bench, files, 'sorted')],
      unique: ['ours, no duplicates', () => runOurs(bench, unique, { warmUp })],
    };
    for (let round = 1; round <= options.rounds; round++) {
      const done: { -readonly [C in keyof Round]?: Round[C] } = {};
      const take = async <C extends keyof Round>(which: C): Promise<void> => {
        const [what, run] = contestants[which];
        done[which] = await told(`round ${round}, ${what}`, run());
      };
      const order = Object.keys(contestants) as (keyof Round)[];
      // What one leaves behind, such as pages still to be written, the next pays for: they change places.
      for (const which of round % 2 === 1 ? order : order.reverse()) await take(which);
      rounds.push(done as Round);
    }
    const extras: Extras = {
      cold,
      textbook: await textbook(bench, fill, events, told),
      ...(quick
        ? {}
        : {
            enriched: await told(
              'with $geoip and $ua',
              runOurs(bench, filled, { warmUp, values: 'enriched' }),
            ),
            twoProcesses: await told(
              'two processes',
              runOurs(bench, filled, { warmUp, processes: 2, shards: 4 }),
            ),
            manyDays: await told(`${MANY_DAYS} days in every batch`, manyDaysRun(bench, fill, events)),
          }),
      ...(long ? { long: await longRun(bench, fill, warmUp, told) } : {}),
    };
    return summarize(rounds, extras);
  } finally {
    await deleteTopics(bench, topics);
  }
}

/** Warmed up with events of the same days, so that their tables are there. */
async function manyDaysRun(bench: Bench, fill: Fill, events: number): Promise<OurRun> {
  const shape = { days: MANY_DAYS, order: 'mixed' } as const;
  const warmUp = await fill({ ...shape, events: Math.round(events * WARM_UP), seed: 2 });
  return runOurs(bench, await fill(shape), { warmUp });
}

type Fill = (shape?: Partial<Shape>) => Promise<FilledTopic>;
type Told = <R extends Run>(what: string, run: Promise<R>) => Promise<R>;

/** The peer is so slow that a tenth of the events says enough. */
async function textbook(bench: Bench, fill: Fill, events: number, told: Told): Promise<Run> {
  const few = await fill({ events: Math.max(10_000, Math.round(events / 10)) });
  return told('textbook', runTextbook(bench, few));
}

/** Whether the rate holds as the tables grow; each million is told as soon as it is in them. */
async function longRun(
  bench: Bench,
  fill: Fill,
  warmUp: FilledTopic,
  told: Told,
): Promise<{ run: OurRun; perMillion: number[] }> {
  const filled = await fill({ events: LONG_EVENTS });
  let perMillion: number[] = [];
  const look = async (postgres: Postgres, over: boolean): Promise<void> => {
    const { rates, events } = await ratesByMillion(postgres, filled);
    const whole = over ? rates.length : Math.floor(events / MILLION) - 1;
    for (let n = perMillion.length; n < whole; n++) {
      const upTo = Math.min(events, (n + 2) * MILLION).toLocaleString('en-US');
      bench.report(
        `${upTo} events are in the tables, the last of them at ${Math.round(rates[n] ?? NaN).toLocaleString('en-US')} events/s`,
      );
    }
    perMillion = rates.slice(0, whole);
  };
  const run = await told(
    `${LONG_EVENTS.toLocaleString('en-US')} events, autovacuum on`,
    runOurs(bench, filled, {
      warmUp,
      watch: (postgres) => look(postgres, false),
      inspect: (postgres) => look(postgres, true),
    }),
  );
  return { run, perMillion };
}

/** From the ledger, from the second million on: its events ÷ the time between the commits that bound it. */
async function ratesByMillion(
  { pool, name }: Postgres,
  { topic }: FilledTopic,
): Promise<{ readonly events: number; readonly rates: readonly number[] }> {
  const { rows } = await pool.query<{ events_per_s: number | null; upto: string }>(
    `WITH counted AS (
       SELECT committed_at, records, sum(records) OVER (ORDER BY committed_at, batch_id) AS upto
         FROM ${quoteIdent(name)}.batch JOIN ${quoteIdent(name)}.source USING (source_id) WHERE topic = $1),
     million AS (
       SELECT (upto - 1)::bigint / ${MILLION} AS n, sum(records) AS records, max(committed_at) AS ended, max(upto) AS upto
         FROM counted GROUP BY 1)
     SELECT (records / extract(epoch FROM ended - lag(ended) OVER (ORDER BY n)))::float8 AS events_per_s, upto
       FROM million ORDER BY n`,
    [topic],
  );
  return {
    events: Number(rows.at(-1)?.upto ?? 0),
    rates: rows.slice(1).map((row) => row.events_per_s ?? NaN),
  };
}
