import { Context } from '@temporalio/activity';

/** Without a heartbeat timeout nobody waits for us; then this is only for the web UI. */
const DEFAULT_TIMEOUT_MS = 30_000;

export const heartbeatTimeoutMs = (): number =>
  Context.current().info.heartbeatTimeoutMs ?? DEFAULT_TIMEOUT_MS;

/** Heartbeats every few seconds while `work` runs, with what `progress` says (small, never a value of an event). */
export async function underHeartbeat<T>(progress: () => object, work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = (): void => context.heartbeat(progress());
  beat();
  const timer = setInterval(beat, Math.min(2000, heartbeatTimeoutMs() / 4));
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
