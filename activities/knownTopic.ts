import { isUnknownTopic } from '../clients/kafka/index.js';
import { topicOffsets } from '../clients/postgres/offsets.js';
import { withClient } from '../clients/postgres/pool.js';
import { ServerRefused, ServerUnavailable } from '../domain/errors.js';
import { topicGone } from '../domain/gap.js';
import type { BaseDeps } from './deps.js';
import { heartbeatTimeoutMs } from './heartbeat.js';

/** Heartbeats after which a topic that Kafka denies all along is gone: two minutes by default, far above a start. */
const GONE_AFTER = 6;
/** Attempts follow each other within some 20 s; what was said longer ago tells nothing of the time between, ms. */
const FORGOTTEN_AFTER = 60_000;

/** Since when Kafka has said so, and when it last did, ms. */
interface Denied {
  readonly since: number;
  readonly last: number;
}

/**
 * A broker that is starting says for a while that it has no such topic. Of a topic that was ingested before this is no
 * final word: its restart must not end a workflow. Remembers from one attempt to the next how long it has been so.
 */
export class KnownTopics {
  private readonly denied = new Map<string, Denied>();

  constructor(private readonly postgres: BaseDeps['postgres']) {}

  /**
   * @throws in place of the refusal, where PostgreSQL has offsets of the topic: ServerUnavailable, and ServerRefused
   * once Kafka has said nothing else for six heartbeats
   */
  async read<T>(topic: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.denied.delete(topic);
      return result;
    } catch (e) {
      if (isUnknownTopic(e)) throw await this.unknown(topic, e);
      this.denied.delete(topic);
      throw e;
    }
  }

  private async unknown(topic: string, cause: unknown): Promise<unknown> {
    const { postgres } = this;
    const offsets = await withClient(postgres, `${postgres.name}:knownTopic`, (client) =>
      topicOffsets(client, topic),
    );
    if (offsets.size === 0) return cause;
    const patience = heartbeatTimeoutMs() * GONE_AFTER;
    const now = performance.now();
    const before = this.denied.get(topic);
    const since = before === undefined || now - before.last > FORGOTTEN_AFTER ? now : before.since;
    this.denied.set(topic, { since, last: now });
    if (now - since > patience) return new ServerRefused('Kafka', topicGone(topic), { cause });
    return new ServerUnavailable(
      'Kafka',
      `Kafka shows no topic ${topic}, which was ingested before: a broker is starting, or the topic was deleted. ` +
        'Ingestion goes on when it is there again',
      { cause },
    );
  }
}
