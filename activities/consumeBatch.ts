import { setImmediate as turn } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { FetchedPartition } from '../clients/kafka/client.js';
import { batchIdOf } from '../clients/postgres/batchId.js';
import { existingDays, MAX_DAYS } from '../clients/postgres/days.js';
import { asPositions, topicMadeAgain } from '../clients/postgres/offsets.js';
import { withClient } from '../clients/postgres/pool.js';
import { readFloor } from '../clients/postgres/retention/floor.js';
import { OffsetOutOfRange, ServerUnavailable } from '../domain/errors.js';
import { spoolQueue } from '../domain/names.js';
import type { BatchRef, ConsumeBatchInput, ConsumeBatchResult } from '../domain/stages.js';
import { BatchMemories } from './batchMemory.js';
import { BatchWriter } from './batchWriter.js';
import type { IngestDeps } from './deps.js';
import { wrapActivity } from './failure.js';
import { underHeartbeat } from './heartbeat.js';
import { KnownTopics } from './knownTopic.js';
import { LargeRecords } from './largeRecords.js';
import { openSource, type IngestSource } from './ingestSource.js';
import { roomInSpool } from './spoolRoom.js';

/** A call that finds nothing returns after so long, so that it does not hold a worker's slot for ever. */
const IDLE_MS = 30_000;
/** A trickle's patience doubles up to this. */
const MAX_WAIT_MS = 30_000;
/** One long poll of the brokers; also how soon a shutdown is seen. */
const POLL_MS = 500;
const FETCH_BYTES = 1024 * 1024;
/**
 * Decoding is synchronous, a millisecond for so many records; then whoever waits gets a turn: heartbeats, and above all
 * the other shard's COPY, which needs several turns for each of its chunks.
 */
const TURN_RECORDS = 256;
/** Of records' bytes that are decoded before what came of them goes to the spool. */
const FLUSH_BYTES = 2 * 1024 * 1024;
const MIN_FETCH_BYTES = 64 * 1024;
/** A full batch is followed by one so many times as large, up to the setting. */
const GROWTH = 4;
/** Of a small setting the first batch takes all: a part would not be worth Temporal's work for it. */
const FIRST_AT_LEAST = 1000;

/**
 * Reads a batch of offset ranges from Kafka, parses and enriches it, and leaves it in the spool.
 * Open form: until the batch is full, T ms after its first record (or its first move), or 30 s without either.
 * Exact form: the given ranges, whatever their size.
 * Errors: OffsetOutOfRange, UnreadableBatch, ConfigurationError, ServerUnavailable, ServerRefused.
 */
export function createConsumeBatch(
  deps: IngestDeps,
): (input: ConsumeBatchInput) => Promise<ConsumeBatchResult> {
  const memories = new BatchMemories(deps.config);
  const large = new LargeRecords();
  const topics = new KnownTopics(deps.postgres);
  return wrapActivity(async (input) => {
    const progress = { records: 0, bytes: 0 };
    return underHeartbeat(
      () => ({ topic: input.topic, shard: input.shard, ...progress }),
      () => topics.read(input.topic, () => new Consumption(deps, { memories, large }, input, progress).run()),
    );
  });
}

class Consumption {
  private readonly signal = Context.current().cancellationSignal;
  private readonly from = new Map<number, bigint>();
  private readonly at = new Map<number, bigint>();
  /** Where to stop; a partition without an entry has no end. */
  private readonly ends = new Map<number, bigint>();
  private readonly stable = new Map<number, bigint>();
  private readonly maxRecords: number;
  private full = false;
  private firstMove: number | undefined;

  constructor(
    private readonly deps: IngestDeps,
    private readonly shared: { readonly memories: BatchMemories; readonly large: LargeRecords },
    private readonly input: ConsumeBatchInput,
    private readonly progress: { records: number; bytes: number },
  ) {
    const { records } = deps.config.ingest.batch;
    this.maxRecords = Math.min(records, input.maxRecords ?? firstRecords(records, input.shard));
  }

  async run(): Promise<ConsumeBatchResult> {
    const { deps, input } = this;
    const source = await openSource(deps, input.topic, this.signal);
    this.plan(source);
    await this.standInLog();
    const unfinished = this.unfinished().length > 0;
    if (unfinished && input.exact === undefined && !(await roomInSpool(deps, IDLE_MS, this.signal)))
      return this.result(undefined);
    const { existing, floor } = await withClient(
      deps.postgres,
      `${deps.postgres.name}:consumeBatch`,
      async (client) => ({ floor: await readFloor(client), existing: await existingDays(client) }),
    );
    const spooled = await deps.spool.begin();
    try {
      const batch = await this.shared.memories.lend(async (memory) => {
        const writer = new BatchWriter(
          spooled,
          deps,
          memory,
          { sourceId: source.sourceId, topic: input.topic },
          { existing, newDays: input.exact === undefined ? MAX_DAYS : Infinity, floor },
        );
        await this.read(writer);
        await deps.failpoint('consumeBatch:after-fetch');
        return this.givenBack() ? undefined : this.finish(source, writer);
      });
      if (batch === undefined) await spooled.discard();
      return this.result(batch);
    } catch (e) {
      await spooled.discard().catch(() => undefined);
      throw e;
    }
  }

  private plan({ sourceId, next }: IngestSource): void {
    const { exact, after, until, shard, shards, topic } = this.input;
    if (exact !== undefined) {
      if (exact.sourceId !== sourceId)
        throw new OffsetOutOfRange(
          `topic ${topic}: the batch to be read again is of source ${exact.sourceId}, which Kafka no longer has; ` +
            `its present source is ${sourceId}. Start the ingest again: it goes on from the stored offsets`,
        );
      for (const { partition, from, to } of exact.ranges) {
        this.from.set(partition, BigInt(from));
        this.ends.set(partition, BigInt(to));
      }
    } else {
      const given = new Map(after?.map(({ partition, offset }) => [partition, BigInt(offset)]));
      for (const [partition, stored] of next)
        if (partition % shards === shard) this.from.set(partition, given.get(partition) ?? stored);
      // What a run before left untold, such as one that was killed after its last batch.
      if (after === undefined) this.deps.groupOffsets.note(topic, asPositions(this.from));
      for (const { partition, offset } of until ?? []) this.ends.set(partition, BigInt(offset));
      // A bounded ingest reads the partitions that it names.
      if (until !== undefined)
        for (const [partition, from] of this.from)
          if (!this.ends.has(partition)) this.ends.set(partition, from);
    }
    for (const [partition, from] of this.from) this.at.set(partition, from);
  }

  /**
   * Kafka judges the offsets that are fetched, and a partition that stands at its end or beyond it is not. A chain
   * therefore begins with a look at all of them: one whose log was cut off below the stored offset would else pass for
   * finished, and, once the log had grown over that offset, be read on behind a hole.
   */
  private async standInLog(): Promise<void> {
    const { exact, after, topic } = this.input;
    if (exact !== undefined || after !== undefined || this.from.size === 0) return;
    const gaps = await this.deps.kafka.gaps(topic, this.from, this.signal);
    if (gaps.length > 0) throw new OffsetOutOfRange(gaps.join('\n'));
  }

  private unfinished(): number[] {
    return [...this.at].filter(([p, at]) => at < (this.ends.get(p) ?? Infinity)).map(([p]) => p);
  }

  private async read(writer: BatchWriter): Promise<void> {
    const { waitMs } = this.deps.config.ingest.batch;
    const { maxRecords } = this;
    const patience = this.input.waitMs ?? waitMs;
    const open = this.input.exact === undefined;
    const began = Date.now();
    let moved = began;
    for (;;) {
      this.signal.throwIfAborted();
      const wanted = this.unfinished();
      if (wanted.length === 0 || this.full) return;
      const now = Date.now();
      const deadline = this.firstMove === undefined ? began + IDLE_MS : this.firstMove + patience;
      if (open && (now >= deadline || this.deps.draining?.aborted === true)) return;
      if (!open && now - moved > IDLE_MS)
        throw new ServerUnavailable(
          'Kafka',
          `topic ${this.input.topic}: the end of the batch does not arrive`,
        );
      const fetched = await this.deps.kafka.fetch(
        this.input.topic,
        new Map(wanted.map((p) => [p, this.at.get(p) ?? 0n])),
        {
          maxWaitMs: open ? Math.max(1, Math.min(POLL_MS, deadline - now)) : POLL_MS,
          maxBytes: this.fetchBytes(writer, maxRecords),
          lane: `${this.input.shard}`,
          signal: this.signal,
        },
      );
      for (const fetchedPart of fetched) {
        await this.shared.large.pass(fetchedPart.largest, this.signal, async () => {
          if (await this.take(fetchedPart, writer, open)) moved = Date.now();
          await writer.flush();
        });
        this.progress.records = writer.counts.records;
        this.progress.bytes = writer.bytes;
        if (this.full) break;
      }
      this.deps.kafka.release(fetched);
    }
  }

  /** What a worker that drains has read nobody would persist: another one reads it from where this one began. */
  private givenBack(): boolean {
    if (this.input.exact !== undefined || this.deps.draining?.aborted !== true) return false;
    for (const [partition, from] of this.from) this.at.set(partition, from);
    return true;
  }

  /** Takes records of a partition until they end or the batch is full. @returns whether the position moved */
  private async take(
    { partition, lastStableOffset, items }: FetchedPartition,
    writer: BatchWriter,
    open: boolean,
  ): Promise<boolean> {
    const { bytes: maxBytes } = this.deps.config.ingest.batch;
    const { maxRecords } = this;
    this.stable.set(partition, lastStableOffset);
    const before = this.at.get(partition) ?? 0n;
    const end = Number(this.ends.get(partition) ?? Infinity);
    let at = Number(before);
    let sinceTurn = 0;
    let flushed = writer.bytes;
    for (const item of items) {
      if (++sinceTurn === TURN_RECORDS) {
        sinceTurn = 0;
        await turn();
      }
      if ('next' in item) {
        at = Math.min(Number(item.next), end);
        continue;
      }
      const { position } = item;
      if (position >= end) {
        at = end;
        break;
      }
      if (!writer.add(item)) {
        at = position;
        this.full = true;
        break;
      }
      at = position + 1;
      if (writer.bytes - flushed >= FLUSH_BYTES) {
        flushed = writer.bytes;
        await writer.flush();
        this.shared.large.decoded(item.size);
      }
      if (open && (writer.counts.records >= maxRecords || writer.bytes >= maxBytes)) {
        this.full = true;
        break;
      }
    }
    if (BigInt(at) === before) return false;
    this.at.set(partition, BigInt(at));
    this.firstMove ??= Date.now();
    return true;
  }

  /** Towards the end of a batch only about what it still takes: the rest would be fetched again. */
  private fetchBytes(writer: BatchWriter, maxRecords: number): number {
    const { records } = writer.counts;
    if (records === 0 || this.input.exact !== undefined) return FETCH_BYTES;
    const left = ((maxRecords - records) * (writer.bytes / records + 20) * 1.1) | 0;
    return Math.min(FETCH_BYTES, Math.max(MIN_FETCH_BYTES, left));
  }

  private async finish(source: IngestSource, writer: BatchWriter): Promise<BatchRef | undefined> {
    const { topic, shard } = this.input;
    const ranges = [...this.at]
      .filter(([p, at]) => at !== this.from.get(p))
      .sort(([a], [b]) => a - b)
      .map(([partition, at]) => ({
        partition,
        from: String(this.from.get(partition) ?? 0n),
        to: at.toString(),
      }));
    if (ranges.length === 0) return undefined;
    const { incarnation } = await this.deps.kafka.describe(topic, this.signal);
    if (incarnation !== source.description.incarnation)
      throw topicMadeAgain(topic, source.description.incarnation, incarnation);
    const batchId = batchIdOf(
      source.incarnation,
      ranges.map(({ partition, from, to }) => [partition, from, to]),
    );
    await writer.commit(batchId, ranges, this.deps);
    const { sourceId } = source;
    const { records } = writer.counts;
    return { batchId, sourceId, topic, shard, ranges, records, bytes: writer.bytes };
  }

  private result(batch: BatchRef | undefined): ConsumeBatchResult {
    const { deps, input } = this;
    const { waitMs, records, bytes } = deps.config.ingest.batch;
    const full = batch !== undefined && batch.records >= this.maxRecords;
    const small = batch !== undefined && !full && batch.records < records / 2 && batch.bytes < bytes / 2;
    const lag = [...this.at].reduce((n, [p, at]) => {
      const end = this.stable.get(p) ?? at;
      return n + (end > at ? Number(end - at) : 0);
    }, 0);
    return {
      ...(batch !== undefined && { batch }),
      spoolQueue: spoolQueue(deps.config.name, deps.spool.id),
      next: asPositions(this.at),
      reachedUntil: input.until !== undefined && this.unfinished().length === 0,
      maxRecords: full ? Math.min(records, this.maxRecords * GROWTH) : this.maxRecords,
      waitMs: small ? Math.min(MAX_WAIT_MS, (input.waitMs ?? waitMs) * 2) : waitMs,
      lag,
    };
  }
}

/**
 * A chain begins with a part of a batch, so that PostgreSQL soon has something to do; neighbouring shards with different
 * parts, so that from then on one of them reads while the other writes.
 */
const firstRecords = (records: number, shard: number): number =>
  Math.max(FIRST_AT_LEAST, Math.ceil(records / (shard % 2 === 0 ? 4 : 2)));
