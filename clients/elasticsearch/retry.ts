import { setTimeout as sleep } from 'node:timers/promises';
import { ServerUnavailable } from '../../domain/errors.js';
import { mapEsError } from './errors.js';

const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5_000;

/** How long a caller is ready to wait, and what ends its waiting. */
export interface Patience {
  /** Without any success for so long, give up, ms. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The client's request options: an absent signal must be an absent key. */
export const abortable = (signal: AbortSignal | undefined): { signal?: AbortSignal } =>
  signal === undefined ? {} : { signal };

/**
 * Full jitter: a random pause up to a bound that doubles, so that workers that failed together don't come
 * back together. Rejects with the signal's reason when aborted.
 */
export async function pause(attempt: number, signal?: AbortSignal): Promise<void> {
  const bound = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempt, 16));
  await sleep(Math.random() * bound, undefined, abortable(signal));
}

/** Calls until it succeeds, fails for good, or patience ends; then the last `ServerUnavailable` is thrown. */
export async function withRetries<T>(call: () => Promise<T>, patience: Patience): Promise<T> {
  const deadline = Date.now() + patience.patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (e) {
      patience.signal?.throwIfAborted();
      const error = mapEsError(e);
      if (!(error instanceof ServerUnavailable) || Date.now() >= deadline) throw error;
    }
    await pause(attempt, patience.signal);
  }
}
