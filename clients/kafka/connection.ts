import { setTimeout as sleep } from 'node:timers/promises';
import type { Servers } from '../../domain/config/config.js';
import { kafkaErrorType, mapKafkaError, worthAnotherLook } from './errors.js';
import { newCluster, type Broker, type Cluster } from './internals.js';

/** New tries after a broken connection or a moved leader; then Temporal's retries take over. */
const TRIES = 5;
const FIRST_PAUSE_MS = 200;

/** Rejects with the signal's reason as soon as it aborts; kafkajs's own requests cannot be called off. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
    // Whoever was aborted no longer looks at it, and an unobserved rejection would end the process.
    work.catch(() => undefined);
  }
}

/**
 * The connections of one reader to one topic's brokers. kafkajs answers the requests of one connection in turn,
 * so readers that must not wait for each other's long polls have one of these each.
 */
export class TopicConnection {
  private cluster: Cluster | undefined;
  /** Each fetch begins with another partition, so that a message larger than the fetch size gets its turn. */
  private turn = 0;

  constructor(
    private readonly servers: Servers,
    private readonly clientId: string,
    readonly topic: string,
  ) {}

  /**
   * Runs `use` with connected brokers. A broken connection or a moved leader is answered by fresh metadata and
   * another try; what remains is mapped to ServerUnavailable or ServerRefused.
   */
  async run<T>(
    doing: string,
    signal: AbortSignal | undefined,
    use: (cluster: Cluster) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      try {
        return await untilAborted(this.once(use, attempt > 1), signal);
      } catch (e) {
        signal?.throwIfAborted();
        if (attempt >= TRIES || !worthAnotherLook(e)) throw mapKafkaError(e, doing);
        if (kafkaErrorType(e) === '') await this.reset();
        await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1), undefined, { ...(signal && { signal }) });
      }
    }
  }

  private async once<T>(use: (cluster: Cluster) => Promise<T>, fresh: boolean): Promise<T> {
    let cluster = this.cluster;
    if (cluster === undefined) {
      cluster = newCluster(this.servers, this.clientId);
      this.cluster = cluster;
      await cluster.connect();
      await cluster.addTargetTopic(this.topic);
    } else if (fresh) {
      await cluster.connect();
      await cluster.addTargetTopic(this.topic);
      await cluster.refreshMetadata();
    }
    return use(cluster);
  }

  /** Groups partitions by their leader; a partition without one is an error worth another look. */
  async leaders(
    cluster: Cluster,
    partitions: readonly number[],
  ): Promise<ReadonlyMap<Broker, readonly number[]>> {
    const known = new Map(
      cluster.findTopicPartitionMetadata(this.topic).map(({ partitionId, leader }) => [partitionId, leader]),
    );
    const byNode = new Map<number, number[]>();
    for (const partition of partitions) {
      const leader = known.get(partition);
      if (leader === undefined || leader < 0) throw leaderless(this.topic, partition);
      byNode.set(leader, [...(byNode.get(leader) ?? []), partition]);
    }
    const brokers = new Map<Broker, readonly number[]>();
    for (const [nodeId, list] of byNode) brokers.set(await cluster.findBroker({ nodeId }), list);
    return brokers;
  }

  rotate<T>(list: readonly T[]): readonly T[] {
    const first = this.turn++ % Math.max(1, list.length);
    return [...list.slice(first), ...list.slice(0, first)];
  }

  private async reset(): Promise<void> {
    const broken = this.cluster;
    this.cluster = undefined;
    await broken?.disconnect().catch(() => undefined);
  }

  close(): Promise<void> {
    return this.reset();
  }
}

/** An error that asks for new metadata, in kafkajs's own terms. */
export const moved = (message: string): Error =>
  Object.assign(new Error(message), { retriable: true, type: 'NOT_LEADER_FOR_PARTITION' });

const leaderless = (topic: string, partition: number): Error =>
  moved(`partition ${partition} of ${topic} has no leader now`);
