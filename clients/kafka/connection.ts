import type { Servers } from '../../domain/config/config.js';
import { kafkaErrorType, worthAnotherLook } from './errors.js';
import type { FrameMemory } from './frames.js';
import { newCluster, type Broker, type Cluster, type PartitionMetadata } from './internals.js';
import { QUICK, withTries } from './tries.js';

/**
 * The connections of one reader to one topic's brokers. kafkajs answers the requests of one connection in turn,
 * so readers that must not wait for each other's long polls have one of these each.
 */
export class TopicConnection {
  private cluster: Cluster | undefined;
  /** The cluster connects and learns of the topic; once at a time, since kafkajs forgets a connection made twice. */
  private ready: Promise<void> | undefined;
  /** Each fetch begins with another partition, so that a message larger than the fetch size gets its turn. */
  private turn = 0;
  private isClosed = false;

  constructor(
    private readonly servers: Servers,
    private readonly clientId: string,
    readonly topic: string,
    private readonly memory: FrameMemory,
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
    return withTries(doing, { signal, patience: QUICK }, async (attempt) => {
      try {
        return await this.once(use, attempt > 1);
      } catch (e) {
        if (kafkaErrorType(e) === '' && worthAnotherLook(e)) await this.reset();
        throw e;
      }
    });
  }

  private async once<T>(use: (cluster: Cluster) => Promise<T>, fresh: boolean): Promise<T> {
    if (this.isClosed) throw new Error('the connection to Kafka is closed');
    // Kept at once, even if what follows fails: whoever closes this closes its sockets too.
    const cluster = (this.cluster ??= newCluster(this.servers, this.clientId, this.memory));
    const before = this.ready;
    if (fresh || before === undefined) {
      const ready = Promise.resolve(before)
        .catch(() => undefined)
        .then(() => this.prepare(cluster, fresh));
      this.ready = ready;
      // What failed is tried again by the next one.
      ready.catch(() => {
        if (this.ready === ready) this.ready = undefined;
      });
    }
    try {
      await this.ready;
      return await use(cluster);
    } finally {
      // Closed meanwhile, by which kafkajs lets a request that is under way connect anew: the process would not end.
      if (this.isClosed) await cluster.disconnect().catch(() => undefined);
    }
  }

  private async prepare(cluster: Cluster, fresh: boolean): Promise<void> {
    await cluster.connect();
    await cluster.addTargetTopic(this.topic);
    if (fresh) await cluster.refreshMetadata();
  }

  /** The topic's partitions as the brokers know them now. */
  partitions(doing: string, signal: AbortSignal | undefined): Promise<readonly PartitionMetadata[]> {
    return this.run(doing, signal, async (cluster) => {
      await cluster.refreshMetadata();
      return cluster.findTopicPartitionMetadata(this.topic);
    });
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
    this.ready = undefined;
    await broken?.disconnect().catch(() => undefined);
  }

  /** What is under way fails, or ends by itself. */
  close(): Promise<void> {
    this.isClosed = true;
    return this.reset();
  }
}

/** An error that asks for new metadata, in kafkajs's own terms. */
export const moved = (message: string): Error =>
  Object.assign(new Error(message), { retriable: true, type: 'NOT_LEADER_FOR_PARTITION' });

const leaderless = (topic: string, partition: number): Error =>
  moved(`partition ${partition} of ${topic} has no leader now`);
