import { isUnknownTopic } from '../clients/kafka/index.js';
import { topicOffsets } from '../clients/postgres/offsets.js';
import { withClient } from '../clients/postgres/pool.js';
import { ServerUnavailable } from '../domain/errors.js';
import type { BaseDeps } from './deps.js';

/**
 * A broker that is starting says for a while that it has no such topic. Of a topic that was ingested before this is no
 * final word: its restart must not end a workflow.
 * @throws ServerUnavailable in place of the refusal, where PostgreSQL has offsets of the topic
 */
export async function ofKnownTopic<T>(
  { postgres }: Pick<BaseDeps, 'postgres'>,
  topic: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (e) {
    if (!isUnknownTopic(e)) throw e;
    const offsets = await withClient(postgres, `${postgres.name}:knownTopic`, (client) =>
      topicOffsets(client, topic),
    );
    if (offsets.size === 0) throw e;
    throw new ServerUnavailable(
      'Kafka',
      `Kafka shows no topic ${topic}, which was ingested before: a broker is starting, or the topic was deleted. ` +
        'Ingestion goes on when it is there again',
      { cause: e },
    );
  }
}
