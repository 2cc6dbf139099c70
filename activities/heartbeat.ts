import { Context } from '@temporalio/activity';
import { ServerUnavailable } from '../domain/errors.js';

/** Without a heartbeat timeout nobody waits for us; then this is only for the web UI. */
const DEFAULT_TIMEOUT_MS = 30_000;

export const heartbeatTimeoutMs = (): number =>
  Context.current().info.heartbeatTimeoutMs ?? DEFAULT_TIMEOUT_MS;

/**
 * Heartbeats every few seconds while `work` runs, with what `progress` says (small, never a value of an event).
 * `alive` is aborted by cancellation, and when this process stood still for longer than the heartbeat timeout:
 * another attempt is under way by then, which this one must neither hinder nor end.
 */
export async function underHeartbeat<T>(
  progress: () => object,
  work: (alive: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const timeoutMs = heartbeatTimeoutMs();
  const late = new AbortController();
  let last = Date.now();
  const beat = (): void => {
    const silentMs = Date.now() - last;
    last += silentMs;
    if (silentMs > timeoutMs)
      late.abort(
        new ServerUnavailable(
          'Temporal',
          `this process stood still for ${silentMs} ms: the attempt is given up`,
        ),
      );
    context.heartbeat(progress());
  };
  beat();
  const timer = setInterval(beat, Math.min(2000, timeoutMs / 4));
  try {
    return await work(AbortSignal.any([context.cancellationSignal, late.signal]));
  } finally {
    clearInterval(timer);
  }
}
