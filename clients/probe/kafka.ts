import type { Servers } from '../../domain/config/config.js';
import { newKafka } from '../kafka/internals.js';
import { mapKafkaError } from '../kafka/errors.js';

/** Kafka tells no version of itself. @returns e.g. `1 broker, cluster MkU3OEVBNTcwNTJENDM2Qk`. */
export async function probeKafka(servers: Servers): Promise<string> {
  const admin = newKafka(servers, 'clickstream-doctor').admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    const { brokers, clusterId } = await admin.describeCluster();
    return `${brokers.length} broker${brokers.length === 1 ? '' : 's'}, cluster ${clusterId}`;
  } catch (e) {
    throw mapKafkaError(e, 'asking Kafka for its brokers');
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
