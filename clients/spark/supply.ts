import { ServerUnavailable } from '../../domain/errors.js';
import { SparkSession, type OpenOptions } from './session.js';

export interface SparkSupply {
  /** A session that answered just now: the one in use, or a new one where the server lost that. */
  session(): Promise<SparkSession>;
  close(): Promise<void>;
}

/** One long-lived session, made at the first call and replaced when the server restarted or timed it out. */
export function supplySpark(remote: string, options: Pick<OpenOptions, 'patience'> = {}): SparkSupply {
  let current: Promise<SparkSession> | undefined;
  let closed = false;

  /** Callers at the same time share what is opened; one that could not be opened is not kept. */
  const open = (): Promise<SparkSession> => {
    const opening = SparkSession.open(remote, options);
    current = opening;
    opening.catch(() => forget(opening));
    return opening;
  };
  const forget = (session: Promise<SparkSession>): void => {
    if (current === session) current = undefined;
  };

  return {
    async session() {
      if (closed)
        throw new ServerUnavailable('Spark', 'the session of Spark is closed: this process is ending');
      const known = current;
      if (known === undefined) return open();
      const session = await known;
      if (await answers(session)) return session;
      if (current === known) {
        forget(known);
        // What it holds on our side.
        void session.close();
      }
      return current ?? open();
    },
    async close() {
      closed = true;
      const session = await current?.catch(() => undefined);
      current = undefined;
      await session?.close();
    },
  };
}

async function answers(session: SparkSession): Promise<boolean> {
  if (session.broken) return false;
  try {
    await session.ping();
    return true;
  } catch (e) {
    if (session.broken) return false;
    throw e;
  }
}
