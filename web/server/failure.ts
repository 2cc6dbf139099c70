import { SearchTooSlow } from '../../clients/elasticsearch/index.js';
import { CursorExpired, ServerRefused, ServerUnavailable } from '../../domain/errors.js';
import { hideSecretsIn } from '../../domain/secrets.js';
import { BadParameter } from './parameters.js';
import { TooBusy } from './turns.js';

/** What a request that failed is answered with. */
export interface Failure {
  readonly status: number;
  readonly error: { readonly parameter?: string; readonly message: string };
  /** Seconds. */
  readonly retryAfter?: number;
}

const RETRY_AFTER = 5;

export function failureOf(e: unknown): Failure {
  const message = hideSecretsIn(e instanceof Error ? e.message : String(e));
  if (e instanceof BadParameter) return { status: 400, error: { parameter: e.parameter, message } };
  if (e instanceof CursorExpired)
    return {
      status: 410,
      error: {
        parameter: 'after',
        message: 'the cursor expired, or belongs to another question: start again without `after`',
      },
    };
  if (e instanceof ServerRefused) return { status: 502, error: { message } };
  if (e instanceof TooBusy)
    return {
      status: 503,
      error: { message: `${message}; ask again in ${RETRY_AFTER} s` },
      retryAfter: RETRY_AFTER,
    };
  if (e instanceof ServerUnavailable) return { status: 503, error: { message }, retryAfter: RETRY_AFTER };
  if (e instanceof SearchTooSlow)
    return { status: 504, error: { message: `${message}; a shorter range or a longer grain asks for less` } };
  return { status: 500, error: { message: `the server failed: ${message}` } };
}
