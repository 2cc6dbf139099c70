/** Servers that a command brings up for itself alone, in a state folder of its own. */
import type { StateFile } from '../../infra/servers.js';

/** Nothing of the caller's servers or settings reaches what runs on them. */
export function isolated(env: NodeJS.ProcessEnv, stateDir: string): NodeJS.ProcessEnv {
  const ours =
    /^(KAFKA_|PG[A-Z]+$|DATABASE_URL$|SPARK_REMOTE$|SPARK_JDBC_URL$|ELASTICSEARCH_|TEMPORAL_|CLICKSTREAM_VISITOR_KEY$)/;
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
  return { ...kept, CLICKSTREAM_STATE_DIR: stateDir };
}

/** The addresses of servers.json as every tool reads them. */
export function addresses(file: StateFile | undefined): Record<string, string> {
  if (file === undefined) return {};
  const { kafka, postgres, spark, elasticsearch, temporal } = file;
  return {
    ...(kafka && { KAFKA_BROKERS: kafka.brokers.join(',') }),
    ...(postgres && { DATABASE_URL: postgres.url }),
    ...(spark && { SPARK_REMOTE: spark.remote }),
    ...(spark?.jdbcUrl && { SPARK_JDBC_URL: spark.jdbcUrl }),
    ...(elasticsearch && { ELASTICSEARCH_URL: elasticsearch.url }),
    ...(elasticsearch?.username && { ELASTICSEARCH_USERNAME: elasticsearch.username }),
    ...(elasticsearch?.password && { ELASTICSEARCH_PASSWORD: elasticsearch.password }),
    ...(temporal && { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace }),
    ...(temporal?.uiUrl && { TEMPORAL_UI_URL: temporal.uiUrl }),
  };
}
