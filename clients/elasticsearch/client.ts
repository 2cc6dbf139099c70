import { Client } from '@elastic/elasticsearch';
import type { Servers } from '../../domain/config/config.js';
import { ExactSerializer } from './exactNumbers.js';

/** One request's time, ms: a bulk of 5 MB on a loaded node takes seconds, a hung one must not take minutes. */
const REQUEST_TIMEOUT = 30_000;

/**
 * A client for the configured server; connects with the first request. Authenticates by API key, else by user
 * and password, else not at all. Never retries by itself: callers know their deadline, the client does not.
 */
export function openElasticsearch(servers: Pick<Servers, 'elasticsearch'>): Client {
  const { url, apiKey, username, password, ca } = servers.elasticsearch;
  const auth =
    apiKey !== undefined
      ? { apiKey }
      : username !== undefined
        ? { username, password: password ?? '' }
        : undefined;
  return new Client({
    node: url,
    maxRetries: 0,
    requestTimeout: REQUEST_TIMEOUT,
    Serializer: ExactSerializer,
    ...(auth === undefined ? {} : { auth }),
    ...(ca === undefined ? {} : { tls: { ca } }),
  });
}
