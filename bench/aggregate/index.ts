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
import { summarize, type AggregateSummary, type Round, type Whole } from './summary.js';
import type { Tally } from './tally.js';
import { runTextbook } from './textbook.js';
import { addHistory, runWhole } from './whole.js';

export { describeSummary, type AggregateSummary } from './summary.js';

export interface AggregateBenchOptions extends Clicks {
  readonly rounds: number;
}

/** Runs of one marked hour; the first on new figures is not counted. */
const HOUR_RUNS = 3;
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
    const { rounds, groups, checksum } = await compare(bench, postgres, sessions, options).finally(() =>
      Promise.all([sessions.ours.close(), sessions.textbook.close()]),
    );
    const all = await runWhole(bench, postgres, hoursOf(options));
    bench.report(`whole run of all hours: ${all.seconds.toFixed(1)} s`);
    if (all.clicks !== options.clicks)
      throw new Error(`the whole run counted ${all.clicks} clicks of ${options.clicks}`);
    return { rounds, groups, checksum, all };
  });
  const history = await withTables(bench, configurationOf(`${name}_h`), (postgres) =>
    compareHistory(bench, postgres, options),
  );
  const pid = sparkPid(bench.servers.spark.remote);
  const { rounds, all, groups, checksum } = compared;
  const { clicks, hours } = options;
  const sparkRssMb = (pid === undefined ? undefined : peakMemoryMb(pid)) ?? null;
  return summarize({ clicks, hours, groups, checksum }, rounds, { all, ...history, sparkRssMb });
}

/** @throws when two contestants differ in groups or figures */
async function compare(
  bench: Bench,
  postgres: Postgres,
  sessions: Readonly<Record<'ours' | 'textbook', SparkSupply>>,
  options: AggregateBenchOptions,
): Promise<{ rounds: Round[]; groups: number; checksum: string }> {
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
  // Whoever came first would pay for what Spark loads and compiles.
  for (const contestant of ['oneHour', 'full', 'textbook'] as const) await timed('warming up', contestant);
  const rounds: Round[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    const what = `round ${round}`;
    rounds.push({
      textbook: await timed(what, 'textbook'),
      full: await timed(what, 'full'),
      postgres: await timed(what, 'postgres'),
      oneHour: await timed(what, 'oneHour'),
    });
  }
  return { rounds, groups: agreed?.groups ?? 0, checksum: agreed?.checksum ?? '' };
}

/** One marked hour of the first day: with the figures of that day, then with those of thirty. */
async function compareHistory(
  bench: Bench,
  postgres: Postgres,
  { clicks, hours }: Clicks,
): Promise<Pick<Whole, 'oneDay' | 'thirtyDays'>> {
  const day = { clicks: Math.round((clicks / hours) * 24 * DAY_SHARE), hours: 24 };
  await fillClicks(postgres, day);
  await runWhole(bench, postgres, hoursOf(day));
  const hour = BEGIN_MS + 12 * 3_600_000;
  let late = 0;
  const again = async (what: string): Promise<Whole['oneDay']> => {
    const runs = [];
    for (let n = 0; n <= HOUR_RUNS; n++) {
      await addLateClicks(postgres, hour, late++);
      const run = await runWhole(bench, postgres, [hour]);
      bench.report(`${what}, one hour: ${run.seconds.toFixed(2)} s`);
      runs.push(run);
    }
    return runs.slice(1);
  };
  const oneDay = await again('a day of figures');
  await addHistory(postgres, HISTORY_DAYS);
  return { oneDay, thirtyDays: await again('30 days of figures') };
}

/** Thirty days of as many clicks as the rounds have would take longer to make than everything else. */
const DAY_SHARE = 0.25;
