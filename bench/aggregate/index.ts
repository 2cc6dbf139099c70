/** Hour figures by four contestants in interleaved rounds, then the product's whole runs. */
import { cpus, loadavg } from 'node:os';
import { jdbcUrl } from '../../clients/postgres/aggregate/jdbc.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { withTables, type Bench } from '../ingest/bench.js';
import { peakMemoryMb } from '../ingest/processTimes.js';
import { supplySpark, type SparkSupply } from '../../clients/spark/index.js';
import { addLateClicks, BEGIN_MS, configurationOf, fillClicks, hoursOf, type Clicks } from './clicks.js';
import { runOurs } from './ours.js';
import { runPostgresOwn } from './postgresOwn.js';
import { sparkPid } from './sparkPid.js';
import { summarize, type AggregateSummary, type Compared, type Round, type Whole } from './summary.js';
import type { Tally } from './tally.js';
import { runTextbook } from './textbook.js';
import { addHistory, runWhole, startWorker, type WholeRun } from './whole.js';

export { describeSummary, type AggregateSummary } from './summary.js';

export interface AggregateBenchOptions extends Clicks {
  readonly rounds: number;
  /** Rounds of everybody before those that count. */
  readonly warmUp: number;
}

/** Runs of one marked hour that count, and those before them, which do not. */
const HOUR_RUNS = 3;
const HOUR_WARM_UPS = 3;
const HISTORY_DAYS = 29;

export async function aggregateBench(
  bench: Bench,
  options: AggregateBenchOptions,
): Promise<AggregateSummary> {
  bench.report(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(2) ?? '?'} before the start`);
  const name = `bench_agg_${process.pid}`;
  const compared = await withTables(bench, configurationOf(name), async (postgres) => {
    await fillClicks(postgres, options);
    bench.report(`${options.clicks.toLocaleString('en-US')} clicks made`);
    // A session each, kept as long as the rounds last, so that the settings of one are not those of the other.
    const sessions = {
      ours: supplySpark(bench.servers.spark.remote),
      textbook: supplySpark(bench.servers.spark.remote),
    };
    const result = await compare(bench, postgres, sessions, options).finally(() =>
      Promise.all([sessions.ours.close(), sessions.textbook.close()]),
    );
    const worker = await startWorker(bench, postgres);
    const all = await runWhole(worker, postgres, hoursOf(options)).finally(() => worker.close());
    bench.report(`whole run of all hours: ${all.seconds.toFixed(1)} s`);
    if (all.clicks !== options.clicks)
      throw new Error(`the whole run counted ${all.clicks} clicks of ${options.clicks}`);
    return { ...result, all };
  });
  const history = await withTables(bench, configurationOf(`${name}_h`), (postgres) =>
    compareHistory(bench, postgres, options),
  );
  const pid = sparkPid(bench.servers.spark.remote);
  const { all, ...rest } = compared;
  const sparkRssMb = (pid === undefined ? undefined : peakMemoryMb(pid)) ?? null;
  return summarize(options, rest, { all, ...history, sparkRssMb });
}

/** @throws when two contestants differ in groups or figures */
async function compare(
  bench: Bench,
  postgres: Postgres,
  sessions: Readonly<Record<'ours' | 'textbook', SparkSupply>>,
  options: AggregateBenchOptions,
): Promise<Compared> {
  const { servers, signal } = bench;
  const config = configurationOf(postgres.name);
  const url = await withClient(postgres, `${postgres.name}:bench`, (client) =>
    Promise.resolve(jdbcUrl(servers.spark.jdbcUrl, client)),
  );
  const ours = { spark: sessions.ours, postgres, config, url, signal };
  const hours = hoursOf(options);
  const middle = hours.slice(hours.length >> 1, (hours.length >> 1) + 1);
  const contestants = {
    textbook: () => runTextbook(sessions.textbook, postgres.name, url, signal),
    full: () => runOurs(ours, hours),
    postgres: () => runPostgresOwn(postgres),
    oneHour: () => runOurs(ours, middle),
  };
  let agreed: Tally | undefined;
  const timed = async (what: string, contestant: keyof typeof contestants): Promise<number> => {
    signal.throwIfAborted();
    const begun = performance.now();
    const tally = await contestants[contestant]();
    const seconds = (performance.now() - begun) / 1000;
    bench.report(
      `${what}, ${contestant}: ${seconds.toFixed(2)} s, ${tally.groups.toLocaleString('en-US')} groups`,
    );
    if (contestant === 'oneHour') return seconds;
    agreed ??= tally;
    if (
      tally.clicks !== options.clicks ||
      tally.groups !== agreed.groups ||
      tally.checksum !== agreed.checksum
    )
      throw new Error(
        `${contestant} differs: expected ${options.clicks} clicks in ${agreed.groups} groups, checksum ` +
          `${agreed.checksum}, got ${tally.clicks} in ${tally.groups}, ${tally.checksum}`,
      );
    return seconds;
  };
  const oneRound = async (what: string): Promise<Round> => ({
    textbook: await timed(what, 'textbook'),
    full: await timed(what, 'full'),
    postgres: await timed(what, 'postgres'),
    oneHour: await timed(what, 'oneHour'),
  });
  const several = async (what: string, count: number): Promise<Round[]> => {
    const done: Round[] = [];
    while (done.length < count) done.push(await oneRound(`${what} ${done.length + 1}`));
    return done;
  };
  // What a JVM loads and compiles a worker pays for once in its life: everybody runs in before the clock counts.
  const warmUp = await several('warm-up', options.warmUp);
  const rounds = await several('round', options.rounds);
  return { warmUp, rounds, groups: agreed?.groups ?? 0, checksum: agreed?.checksum ?? '' };
}

/** One marked hour of the first day: with the figures of that day, then with those of thirty. */
async function compareHistory(
  bench: Bench,
  postgres: Postgres,
  { clicks, hours }: Clicks,
): Promise<Pick<Whole, 'oneDay' | 'thirtyDays'>> {
  const day = { clicks: Math.round((clicks / hours) * 24 * DAY_SHARE), hours: 24 };
  await fillClicks(postgres, day);
  const worker = await startWorker(bench, postgres);
  try {
    await runWhole(worker, postgres, hoursOf(day));
    const hour = BEGIN_MS + 12 * 3_600_000;
    let late = 0;
    const again = async (what: string): Promise<WholeRun[]> => {
      const runs = [];
      for (let n = 0; n < HOUR_WARM_UPS + HOUR_RUNS; n++) {
        await addLateClicks(postgres, hour, late++);
        const run = await runWhole(worker, postgres, [hour]);
        bench.report(
          `${what}, one hour${n < HOUR_WARM_UPS ? ' (warm-up)' : ''}: ${run.seconds.toFixed(2)} s, of it ` +
            `Spark ${run.sparkSeconds.toFixed(2)} s, merge ${run.mergeSeconds.toFixed(2)} s`,
        );
        runs.push(run);
      }
      return runs.slice(HOUR_WARM_UPS);
    };
    const oneDay = await again('a day of figures');
    await addHistory(postgres, HISTORY_DAYS);
    return { oneDay, thirtyDays: await again('30 days of figures') };
  } finally {
    await worker.close();
  }
}

/** Thirty days of as many clicks as the rounds have would take longer to make than everything else. */
const DAY_SHARE = 0.25;
