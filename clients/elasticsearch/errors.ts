import { errors } from '@elastic/elasticsearch';
import { ClickstreamError, ServerRefused, ServerUnavailable } from '../../domain/errors.js';

/** What Elasticsearch says of one failed item or request. */
export interface ErrorCause {
  readonly type?: string;
  readonly reason?: string | null;
  readonly caused_by?: ErrorCause;
}

const CERTIFICATE = /certificate|self[- ]signed|CERT_|ERR_TLS|altnames/i;

/** Overload, a node leaving or arriving, a proxy without its backend: the same request can succeed later. */
export const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** A write block (disk flood stage, maintenance) answers 403 or 429 and is lifted again: never a refusal. */
export const isBlock = (cause: ErrorCause | undefined): boolean => cause?.type === 'cluster_block_exception';

/** The error inside a failed response, whatever its form. */
export function causeOf(error: errors.ResponseError): ErrorCause {
  const body: unknown = error.body;
  if (typeof body !== 'object' || body === null || !('error' in body)) return { reason: error.message };
  const inner = body.error;
  if (typeof inner === 'string') return { reason: inner };
  return inner ?? {};
}

const say = (cause: ErrorCause): string => [cause.type, cause.reason].filter(Boolean).join(': ');

/** Why a document was refused, with the cause behind it; Elasticsearch's preview of the value would hide that. */
export function refusalOf({ type, reason, caused_by: cause }: ErrorCause): string {
  const own = say({
    type: type ?? '',
    reason: reason?.replace(/\. Preview of field's value: '.*$/s, '') ?? '',
  });
  return cause === undefined ? own : `${own}; ${refusalOf(cause)}`;
}

/**
 * Connection trouble, overload and write blocks → `ServerUnavailable`; wrong credentials, a missing right, an
 * untrusted certificate, something that isn't Elasticsearch → `ServerRefused`; anything else is returned as it is.
 */
export function mapEsError(e: unknown): Error {
  const cause = { cause: e };
  if (e instanceof ClickstreamError || !(e instanceof Error)) {
    return e instanceof Error ? e : new Error('Elasticsearch client failed', cause);
  }
  if (e instanceof errors.ResponseError) {
    const status = e.statusCode ?? 0;
    const reason = causeOf(e);
    const answer = `Elasticsearch answered ${status}: ${say(reason)}`;
    if (isPassing(status) || isBlock(reason)) return new ServerUnavailable('Elasticsearch', answer, cause);
    if (status === 401) {
      const hint = 'check ELASTICSEARCH_API_KEY, or the user and password';
      return new ServerRefused(
        'Elasticsearch',
        `Elasticsearch refused the credentials (401): ${hint}`,
        cause,
      );
    }
    if (status === 403) {
      return new ServerRefused('Elasticsearch', `Elasticsearch denied a right (403): ${say(reason)}`, cause);
    }
    return e;
  }
  if (e instanceof errors.ConnectionError && CERTIFICATE.test(e.message)) {
    const hint = 'ELASTICSEARCH_CA names the authority that signed it (PEM text or its path)';
    return new ServerRefused(
      'Elasticsearch',
      `Elasticsearch's certificate is not trusted: ${e.message}; ${hint}`,
      cause,
    );
  }
  if (
    e instanceof errors.ConnectionError ||
    e instanceof errors.TimeoutError ||
    e instanceof errors.NoLivingConnectionsError
  ) {
    return new ServerUnavailable('Elasticsearch', `Elasticsearch does not answer: ${e.message}`, cause);
  }
  if (e instanceof errors.DeserializationError) {
    // Something between us and the server cut it. Node's message would quote it, and it holds documents.
    return new ServerUnavailable('Elasticsearch', 'Elasticsearch gave an answer that is no JSON');
  }
  if (e instanceof errors.ProductNotSupportedError) {
    return new ServerRefused('Elasticsearch', 'what answers at the address is not Elasticsearch', cause);
  }
  return e;
}

/** An index is not there, or its write alias does not stand for it any more: somebody deleted or moved one of them. */
export class IndexGone extends Error {
  /** @param what the index or its write alias */
  constructor(readonly what: string) {
    super(`${what} is not there, or stands for another index`);
    this.name = 'IndexGone';
  }
}

/** A search was ended because it took longer than it may. */
export class SearchTooSlow extends Error {
  constructor(readonly ms: number) {
    super(`the search took longer than ${ms / 1_000} s`);
    this.name = 'SearchTooSlow';
  }
}
