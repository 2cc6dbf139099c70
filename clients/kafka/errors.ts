import { ClickstreamError, ServerRefused, ServerUnavailable } from '../../domain/errors.js';

/** Kafka's error codes that this code decides on. */
export const KAFKA = {
  none: 0,
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopic: 3,
  topicAuthorization: 29,
} as const;

/** The partition has moved, or its leader is being elected: ask for the leaders again. */
const MOVED = new Set([5, 6, 9, 56, 74, 75, 78, 100, 103]);
export const leaderMoved = (code: number): boolean => MOVED.has(code);

const REFUSED_TYPES =
  /AUTHORIZATION_FAILED|INVALID_TOPIC|UNSUPPORTED_SASL|UNSUPPORTED_VERSION|INVALID_REPLICATION_FACTOR|INVALID_PARTITIONS|POLICY_VIOLATION|MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE/;

const field = (e: Error, name: string): string => {
  const value = (e as Error & Partial<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : '';
};

/** The error beneath "number of retries exceeded", or the first of several. */
const innermost = (e: Error): Error => {
  let at = e;
  for (let depth = 0; depth < 5; depth++) {
    const { originalError, errors } = at as Error & { originalError?: unknown; errors?: unknown };
    const under: unknown = (Array.isArray(errors) ? errors[0] : originalError) ?? at.cause;
    if (!(under instanceof Error)) return at;
    at = under;
  }
  return at;
};

/** kafkajs's type of the error, e.g. `UNKNOWN_TOPIC_OR_PARTITION`; '' without one. */
export const kafkaErrorType = (e: unknown): string => (e instanceof Error ? field(innermost(e), 'type') : '');

export const isRefusedConnection = (e: unknown): boolean =>
  e instanceof Error && field(innermost(e), 'code') === 'ECONNREFUSED';

/** Kafka says that there is no such topic; so does, for a moment, a broker that is starting. */
export const isUnknownTopic = (e: unknown): boolean =>
  e instanceof ServerRefused && kafkaErrorType(e.cause) === 'UNKNOWN_TOPIC_OR_PARTITION';

/** A partition's leader moved, or a connection broke: worth asking again at once after new metadata. */
export const worthAnotherLook = (e: unknown): boolean =>
  e instanceof ServerUnavailable ||
  (e instanceof Error && isRetriable(innermost(e)) && !untrusted(innermost(e)));

const isRetriable = (e: Error): boolean => (e as Error & { retriable?: unknown }).retriable === true;

/** TLS is there, but the brokers' certificate is not trusted: kafkajs takes it for a broken connection. */
const untrusted = (e: Error): boolean => /certificate|unable to verify/i.test(e.message);

/** Anything that kafkajs throws becomes ServerUnavailable or ServerRefused; errors of this code pass through. */
export function mapKafkaError(e: unknown, doing: string): Error {
  if (e instanceof ClickstreamError) return e;
  if (!(e instanceof Error)) return new ServerUnavailable('Kafka', `${doing}: ${String(e)}`);
  if (e.name === 'AbortError') return e;
  const cause = innermost(e);
  const type = field(cause, 'type');
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION')
    return new ServerRefused(
      'Kafka',
      `${doing}: the topic does not exist; create it, or set kafka.create and run \`clickstream migrate\``,
      { cause: e },
    );
  if (cause.name === 'KafkaJSSASLAuthenticationError')
    return new ServerRefused(
      'Kafka',
      `${doing}: ${cause.message}; see KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD`,
      { cause: e },
    );
  if (untrusted(cause))
    return new ServerRefused(
      'Kafka',
      `${doing}: ${cause.message}; set KAFKA_SSL_CA to the certificate of the brokers' authority`,
      { cause: e },
    );
  const said = `${doing}: ${cause.message}${type && ` (${type})`}`;
  if (REFUSED_TYPES.test(type)) return new ServerRefused('Kafka', said, { cause: e });
  // A broker that ends looks the same for a moment.
  const hint = /before secure TLS connection/.test(cause.message)
    ? '; does it speak TLS on this port? See KAFKA_SSL'
    : '';
  return new ServerUnavailable('Kafka', said + hint, { cause: e });
}
