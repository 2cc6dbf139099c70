/** How old the figures are. Asks PostgreSQL, Kafka and Elasticsearch, in its own time: a page never waits for it. */
import { readAliasState, type AliasState } from '../../clients/elasticsearch/index.js';
import { openKafka } from '../../clients/kafka/index.js';
import { isIncarnation } from '../../clients/postgres/offsets.js';
import { openPostgres, withClient } from '../../clients/postgres/pool.js';
import { readLastEvent } from '../../clients/postgres/status/lastEvent.js';
import {
  readBacklogs,
  readOffsets,
  readRuns,
  type IndexBacklog,
  type StoredOffset,
} from '../../clients/postgres/status/queries.js';
import type { Settings } from '../../clients/settings/loadConfig.js';
import { temporalTarget, workflowsLink } from '../../clients/temporal/index.js';
import { hasServer } from '../../domain/config/servers.js';
import { strayAlias } from '../../domain/inStep.js';
import { analyzeWorkflowId, GRAINS } from '../../domain/names.js';
import type { Index } from './answers.js';

/** What is not known, because its server is not named or does not answer, is null. */
export interface Freshness {
  readonly last_event: string | null;
  readonly last_run: {
    readonly at: string;
    readonly workflow_id: string;
    readonly outcome: string;
  } | null;
  readonly lag_records: number | null;
  readonly runs_url: string | null;
  readonly index_in_step: boolean | null;
}

/** An answer this old, ms, is still given, while a newer one is fetched. */
const FRESH = 5_000;
/** An older one, ms, says nothing about now: nobody may have looked for a night. */
const STALE = 60_000;
/** Without an answer to give, one is waited for so long, ms; then the page goes without. */
const PATIENCE = 1_000;
/** A server that takes longer, ms, counts as not answering. */
const LONGEST = 10_000;

export interface FreshnessSource {
  read(): Promise<Freshness>;
  close(): Promise<void>;
}

const settled = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined);

function readAliases({ client, name }: Index): Promise<AliasState[]> {
  const signal = AbortSignal.timeout(LONGEST);
  return Promise.all(GRAINS.map((grain) => readAliasState(client, name, grain, signal)));
}

/** Whether every read alias stands for the index that runs feed. */
const areAliasesFed = (aliases: readonly AliasState[], fed: readonly IndexBacklog[]): boolean =>
  aliases.every(({ grain, alias, index, problem }) => {
    const own = fed.filter((one) => one.grain === grain);
    return (problem ?? strayAlias(alias, index, own)) === undefined;
  });

/**
 * Whether an index that searches read lacks figures; where aliases are not known, that which was fed last. Others are
 * kept by a reindex, or being filled by one.
 */
const isBehindIn = (fed: readonly IndexBacklog[], aliases: readonly AliasState[] | undefined): boolean =>
  GRAINS.some((grain) => {
    const own = fed.filter((one) => one.grain === grain).sort((a, b) => a.behind - b.behind);
    const read = aliases?.find((one) => one.grain === grain)?.index;
    const one = own.find(({ index, uuid }) => index === read?.index && uuid === read.uuid) ?? own[0];
    return one !== undefined && (one.behind > 0 || one.rejected > 0);
  });

export function openFreshness({ config, servers }: Settings, index: Index): FreshnessSource {
  const { name } = config;
  const postgres = hasServer(servers, 'postgres') ? openPostgres(servers, name, { max: 2 }) : undefined;
  const kafka = hasServer(servers, 'kafka') ? openKafka(servers, `${name}-web`) : undefined;
  const runsUrl = hasServer(servers, 'temporal')
    ? (workflowsLink(servers, temporalTarget(servers).namespace, name) ?? null)
    : null;

  const fromPostgres = async () =>
    postgres &&
    withClient(postgres, `${name}:web`, async (client) => ({
      runs: await readRuns(client, 1),
      offsets: await readOffsets(client),
      backlogs: await readBacklogs(client),
      lastEvent: await readLastEvent(client),
    }));

  async function lag(offsets: readonly StoredOffset[]): Promise<number | null> {
    if (!kafka) return null;
    let records = 0;
    for (const topic of config.kafka.topics) {
      const signal = AbortSignal.timeout(LONGEST);
      const { incarnation, partitions } = await kafka.describe(topic, signal);
      const ends = await kafka.lastStableOffsets(topic, partitions, signal);
      const starts = await kafka.earliestOffsets(topic, partitions, signal);
      for (const [partition, end] of ends) {
        const stored = offsets.find(
          (one) =>
            one.topic === topic && one.partition === partition && isIncarnation(one.incarnation, incarnation),
        );
        const from = stored?.nextOffset ?? starts.get(partition) ?? 0n;
        if (end > from) records += Number(end - from);
      }
    }
    return records;
  }

  async function collect(): Promise<Freshness> {
    const state = await settled(fromPostgres());
    const [run] = state?.runs ?? [];
    const backlogs = state?.backlogs ?? [];
    const aliases = backlogs.length === 0 ? undefined : await settled(readAliases(index));
    const isBehind = isBehindIn(backlogs, aliases);
    return {
      last_event: state?.lastEvent ?? null,
      last_run: run
        ? {
            at: run.finishedAt,
            workflow_id: analyzeWorkflowId(name),
            outcome: isBehind ? 'aggregated, index behind' : 'indexed',
          }
        : null,
      lag_records: state ? ((await settled(lag(state.offsets))) ?? null) : null,
      runs_url: runsUrl,
      index_in_step: aliases === undefined ? null : areAliasesFed(aliases, backlogs) && !isBehind,
    };
  }

  const unknown: Freshness = {
    last_event: null,
    last_run: null,
    lag_records: null,
    runs_url: runsUrl,
    index_in_step: null,
  };
  let last: { readonly answer: Freshness; readonly at: number } | undefined;
  let asking: Promise<Freshness> | undefined;
  const ask = (): Promise<Freshness> =>
    (asking ??= collect()
      .then((answer) => {
        last = { answer, at: Date.now() };
        return answer;
      })
      .finally(() => (asking = undefined)));

  return {
    async read() {
      const age = last === undefined ? Infinity : Date.now() - last.at;
      if (last !== undefined && age < FRESH) return last.answer;
      const asked = ask().catch(() => unknown);
      if (last !== undefined && age < STALE) return last.answer;
      const patience = new Promise<Freshness>((resolve) => setTimeout(resolve, PATIENCE, unknown).unref());
      return Promise.race([asked, patience]);
    },
    async close() {
      await Promise.all([postgres?.close(), kafka?.close()]);
    },
  };
}
