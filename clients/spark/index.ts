import { SparkSession } from './session.js';

export type { RecordBatch as SparkBatch } from 'apache-arrow';
export { SparkQueryFailed } from './errors.js';
export { parseSparkRemote } from './remote.js';
export { SparkSession, type ExecuteOptions, type SparkProgress } from './session.js';

/** Opens a session at `sc://host:port/;token=…;use_ssl=true`. */
export const openSpark = (remote: string, options: { signal?: AbortSignal } = {}): Promise<SparkSession> =>
  SparkSession.open(remote, options.signal);

export interface SparkSupply {
  /** A session that answered just now: the one in use, or a new one where the server lost that. */
  session(): Promise<SparkSession>;
  close(): Promise<void>;
}

/** One long-lived session, made at the first call and replaced when the server restarted or timed it out. */
export function supplySpark(remote: string): SparkSupply {
  let current: Promise<SparkSession> | undefined;
  const open = (): Promise<SparkSession> => {
    const opening = SparkSession.open(remote);
    current = opening;
    // One that could not be opened is not kept: the next call tries again.
    opening.catch(() => {
      if (current === opening) current = undefined;
    });
    return opening;
  };
  return {
    async session() {
      if (current === undefined) return open();
      const session = await current;
      if (!session.broken) {
        try {
          await session.ping();
          return session;
        } catch (e) {
          if (!session.broken) throw e;
        }
      }
      return open();
    },
    async close() {
      const session = await current?.catch(() => undefined);
      current = undefined;
      await session?.close();
    },
  };
}
