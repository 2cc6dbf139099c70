/** When to ask Kafka again: after a broken connection, a moved leader, a broker that restarts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from '../../domain/untilAborted.js';
import { isRefusedConnection, kafkaErrorType, mapKafkaError, worthAnotherLook } from './errors.js';

export interface Patience {
  readonly tries: number;
  /** No try begins later than this after the first, ms. */
  readonly ms: number;
  /** The same where the connection is refused: nobody listens there. */
  readonly refusedMs: number;
}

/** For what Temporal, or the person who asked, tries again anyway: a refusal is told after some 2.5 s. */
export const QUICK: Patience = { tries: 5, ms: 10_000, refusedMs: 2_000 };
/** For what nobody tries again, records on their way: as long as Kafka's own producer (delivery.timeout.ms). */
export const PATIENT: Patience = { tries: Infinity, ms: 120_000, refusedMs: 120_000 };

/** A topic made a moment ago is not known to every broker yet; one that is unknown for 1.4 s does not exist. */
const TRIES_FOR_UNKNOWN_TOPIC = 4;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Runs `once` until it succeeds, fails for good or `patience` ends.
 * @param doing What the error's message begins with.
 * @param once Gets the number of its try, from 1; each try starts afresh.
 * @throws ServerUnavailable, ServerRefused, errors of this code as they are, or the signal's reason
 */
export async function withTries<T>(
  doing: string,
  { signal, patience }: { readonly signal?: AbortSignal | undefined; readonly patience: Patience },
  once: (attempt: number) => Promise<T>,
): Promise<T> {
  const began = Date.now();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await untilAborted(once(attempt), signal);
    } catch (e) {
      signal?.throwIfAborted();
      const tries =
        kafkaErrorType(e) === 'UNKNOWN_TOPIC_OR_PARTITION' ? TRIES_FOR_UNKNOWN_TOPIC : patience.tries;
      const ms = isRefusedConnection(e) ? patience.refusedMs : patience.ms;
      if (attempt >= tries || Date.now() - began > ms || !worthAnotherLook(e)) throw mapKafkaError(e, doing);
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
      await untilAborted(sleep(pause), signal);
    }
  }
}
