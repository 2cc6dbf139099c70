import { beginnings } from '../../activities/ingestSource.js';
import { kafkaErrorType } from '../../clients/kafka/errors.js';
import { openKafka, type KafkaClient } from '../../clients/kafka/index.js';
import { isIncarnation } from '../../clients/postgres/offsets.js';
import { openPostgres } from '../../clients/postgres/pool.js';
import type { StoredOffset } from '../../clients/postgres/status/queries.js';
import { nothingYet, readSnapshot, type Snapshot } from '../../clients/postgres/status/snapshot.js';
import type { Config, Servers } from '../../domain/config/config.js';
import { hasServer, SERVER_VARIABLE } from '../../domain/config/servers.js';
import { ServerUnavailable, type Server } from '../../domain/errors.js';
import { gapOf, madeAgain, topicGone } from '../../domain/gap.js';
import type { Grain } from '../../domain/names.js';
import { balances } from '../../domain/stages.js';
import { indexReports, isUnexplained, readDocuments } from './inStep.js';
import type { PartitionReport, StatusReport } from './report.js';
import { readTrouble } from './trouble.js';

/** A server that takes longer than this, ms, counts as not answering: status is for looking, not for waiting. */
const PATIENCE = 15_000;

type Outcome<T> = { readonly value: T } | { readonly error: Error };

/** The servers that status asks. */
const ASKED = { postgres: 'PostgreSQL', kafka: 'Kafka', elasticsearch: 'Elasticsearch' } as const;

const noAddress = (key: keyof typeof ASKED): string =>
  `the address of ${ASKED[key]}: set ${SERVER_VARIABLE[key]}, or run \`npx clickstream up\` to start the servers here`;

async function readPostgres(config: Config, servers: Servers): Promise<Snapshot> {
  if (!hasServer(servers, 'postgres')) return nothingYet(noAddress('postgres'));
  const postgres = openPostgres(servers, config.name, { max: 2 });
  try {
    return await readSnapshot(postgres);
  } finally {
    await postgres.close();
  }
}

async function attempt<T>(server: Server, patience: AbortSignal, ask: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await ask() };
  } catch (e) {
    if (patience.aborted) return { error: new ServerUnavailable(server, `${server} is too slow to answer`) };
    return { error: e instanceof Error ? e : new Error(`${server}: ${String(e)}`) };
  }
}
const valueOf = <T>(outcome: Outcome<T>): T | undefined => ('value' in outcome ? outcome.value : undefined);

interface TopicState {
  readonly topic: string;
  readonly incarnation: string;
  readonly earliest: ReadonlyMap<number, bigint>;
  /** Where ingestion begins, where it has not. */
  readonly begins: ReadonlyMap<number, bigint>;
  readonly ends: ReadonlyMap<number, bigint>;
}

/** Undefined: the topic does not exist. */
async function readTopic(
  kafka: KafkaClient,
  config: Config,
  topic: string,
  signal: AbortSignal,
): Promise<TopicState | undefined> {
  try {
    const { incarnation, partitions } = await kafka.describe(topic, signal);
    const ends = await kafka.lastStableOffsets(topic, partitions, signal);
    const earliest = await kafka.earliestOffsets(topic, partitions, signal);
    const begins =
      config.kafka.start === 'earliest'
        ? earliest
        : await beginnings({ kafka, config }, topic, partitions, true, signal);
    return { topic, incarnation, earliest, begins, ends };
  } catch (e) {
    if (kafkaErrorType(e) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw e;
  }
}

async function readTopics(config: Config, servers: Servers, signal: AbortSignal) {
  if (!hasServer(servers, 'kafka')) return [];
  const kafka = openKafka(servers, `${config.name}-status`);
  try {
    const states: (TopicState | undefined)[] = [];
    for (const topic of config.kafka.topics) states.push(await readTopic(kafka, config, topic, signal));
    return states;
  } finally {
    await kafka.close();
  }
}

/** A partition that was added has its whole log before it; one of a topic that is new, what kafka.start says. */
function partitionsOf(
  topic: string,
  state: TopicState | undefined,
  stored: readonly StoredOffset[] | undefined,
): PartitionReport[] {
  if (state === undefined) {
    return (stored ?? [])
      .filter((offset) => offset.topic === topic)
      .map(({ partition, nextOffset }) => {
        return { topic, partition, next_offset: String(nextOffset), end_offset: null, lag: null };
      });
  }
  const own = (stored ?? []).filter(
    (one) => one.topic === topic && isIncarnation(one.incarnation, state.incarnation),
  );
  const unread = own.length === 0 ? state.begins : state.earliest;
  const ends = [...state.ends].sort(([a], [b]) => a - b);
  return ends.map(([partition, end]) => {
    const offset = own.find((one) => one.partition === partition);
    const from = offset?.nextOffset ?? unread.get(partition) ?? 0n;
    const first = state.earliest.get(partition) ?? from;
    // What retention took will never be read; and a log that ends before the offset tells nothing of what is to come.
    const left = Number(end - (first > from ? first : from));
    return {
      topic,
      partition,
      next_offset: stored === undefined ? null : String(from),
      end_offset: String(end),
      lag: stored === undefined || left < 0 ? null : left,
    };
  });
}

/** What keeps a topic from being read on, in words. */
function gapsOf(
  { topic, incarnation, earliest, ends }: TopicState,
  stored: readonly StoredOffset[] = [],
): string[] {
  const own = stored.filter((one) => one.topic === topic);
  const former = own.find((one) => !isIncarnation(one.incarnation, incarnation));
  if (former !== undefined) {
    const stands = own.map((one) => ({ partition: one.partition, offset: one.nextOffset.toString() }));
    return [madeAgain(topic, former.incarnation, incarnation, stands)];
  }
  return own.flatMap(({ partition, nextOffset }) => {
    const [first, end] = [earliest.get(partition), ends.get(partition)];
    if (first === undefined || end === undefined) return [];
    return gapOf({ topic, partition, next: nextOffset, earliest: first, end }) ?? [];
  });
}

const sum = (parts: readonly (number | null)[]): number | null =>
  parts.includes(null) ? null : parts.reduce<number>((total, part) => total + (part ?? 0), 0);

/** Asks the servers at once, and reports what each said; one that is down hides nothing of the others. */
export async function collectStatus(
  config: Config,
  servers: Servers,
  signal: AbortSignal,
): Promise<StatusReport> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  // What nobody has named yet is missing, not unreachable.
  const unnamed = (Object.keys(ASKED) as (keyof typeof ASKED)[]).filter((key) => !hasServer(servers, key));
  const [fromPostgres, fromKafka, fromElasticsearch, trouble] = await Promise.all([
    attempt('PostgreSQL', patience, () => readPostgres(config, servers)),
    attempt('Kafka', patience, () => readTopics(config, servers, patience)),
    attempt('Elasticsearch', patience, () => readDocuments(config, servers, patience)),
    readTrouble(config, servers, patience),
  ]);
  signal.throwIfAborted();

  let snapshot: Snapshot | undefined = valueOf(fromPostgres);
  const topics = valueOf(fromKafka);
  let documents = valueOf(fromElasticsearch);
  let indices = indexReports(snapshot, documents);
  // A run between the two looks makes figures and documents differ: the second look asks for the documents first, so
  // that whatever came after them stands above the cursor.
  if (indices.some(isUnexplained)) {
    const later = valueOf(
      await attempt('Elasticsearch', patience, () => readDocuments(config, servers, patience)),
    );
    const latest = valueOf(await attempt('PostgreSQL', patience, () => readPostgres(config, servers)));
    signal.throwIfAborted();
    if (later !== undefined && latest !== undefined) {
      // Kafka's ends were read with the first look's offsets; later ones may lie beyond them.
      [documents, snapshot] = [later, { ...latest, offsets: snapshot?.offsets ?? latest.offsets }];
      indices = indexReports(snapshot, documents);
    }
  }
  const { topics: names } = config.kafka;
  const partitions = names.flatMap((topic, i) => partitionsOf(topic, topics?.[i], snapshot?.offsets));
  const clicksOf = (grain: Grain) => documents?.find((one) => one.grain === grain)?.clicks ?? null;
  const steps = indices.map((one) => one.in_step);
  const account = snapshot?.account;
  const isIngested = (topic: string): boolean =>
    snapshot?.offsets.some((offset) => offset.topic === topic) === true;
  const seen = (topics ?? []).flatMap((state) =>
    state === undefined ? [] : gapsOf(state, snapshot?.offsets),
  );
  const absent =
    topics === undefined || unnamed.includes('kafka') ? [] : names.filter((_, i) => topics[i] === undefined);
  const stopped = [...seen, ...absent.filter(isIngested).map(topicGone)];
  // A gap that is seen in Kafka itself tells more than the shard that stopped at it.
  const gaps = stopped.length > 0 ? stopped : trouble.failed;
  return {
    name: config.name,
    records: account?.records ?? null,
    persisted: account?.persisted ?? null,
    duplicates: account?.duplicates ?? null,
    dead_letters: account?.deadLetters ?? null,
    filtered: account?.filtered ?? null,
    filtered_by: snapshot?.filteredBy ?? null,
    balanced: account === undefined ? null : balances(account),
    lag:
      topics === undefined ||
      snapshot === undefined ||
      (unnamed.includes('kafka') && snapshot.offsets.length > 0)
        ? null
        : sum(partitions.map((p) => p.lag)),
    marks_waiting: snapshot?.marks.marks ?? null,
    hours_waiting: snapshot?.marks.hours ?? null,
    clicks: snapshot?.clicks ?? null,
    floor: snapshot?.frozen.floor ?? null,
    frozen_clicks: snapshot?.frozen.clicks ?? null,
    expired_dead_letters: snapshot?.retired.deadLetters ?? null,
    documents_clicks: clicksOf('total'),
    documents_clicks_by_grain: {
      hour: clicksOf('hour'),
      day: clicksOf('day'),
      month: clicksOf('month'),
      total: clicksOf('total'),
    },
    batches: account?.batches ?? null,
    skipped_offsets: snapshot?.skips.reduce((n, skips) => n + skips.offsets, 0) ?? null,
    skipped: (snapshot?.skips ?? []).map(({ topic, offsets, madeAgain: made_again }) => {
      return { topic, offsets, made_again };
    }),
    gaps,
    retrying: trouble.retrying,
    partitions,
    index_in_step: steps.includes(false) ? false : steps.includes(null) ? null : true,
    indices,
    refused: snapshot?.rejects ?? [],
    runs: snapshot?.runs ?? [],
    missing: [
      ...(snapshot?.missing ?? []),
      ...unnamed.filter((key) => key !== 'postgres').map(noAddress),
      ...absent
        .filter((topic) => !isIngested(topic))
        .map((topic) => `the topic ${topic}: create it, or set kafka.create and run \`clickstream migrate\``),
      ...(!unnamed.includes('elasticsearch') && documents?.some((one) => one.index === undefined) === true
        ? ['indices in Elasticsearch: `clickstream migrate` or the first run makes them']
        : []),
    ],
    unknown: [
      ...[fromPostgres, fromKafka, fromElasticsearch].flatMap((outcome) =>
        'error' in outcome ? [outcome.error.message] : [],
      ),
      ...(trouble.unknown === undefined ? [] : [trouble.unknown]),
    ],
  };
}
