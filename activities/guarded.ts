import { terminateOwn } from '../clients/postgres/ingest.js';
import { ServerUnavailable } from '../domain/errors.js';
import type { BaseDeps } from './deps.js';

/** A cancelled attempt does not go on in PostgreSQL: its sessions are ended from another connection. */
export async function endedByAbort<T>(
  { postgres, logger }: Pick<BaseDeps, 'postgres' | 'logger'>,
  own: string,
  signal: AbortSignal,
  use: () => Promise<T>,
): Promise<T> {
  const end = (): void => {
    terminateOwn(postgres.pool, own).catch((e: unknown) => {
      logger.warn({ err: String(e) }, 'the session of an attempt that is over could not be ended');
    });
  };
  signal.throwIfAborted();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await use();
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/**
 * Heartbeats tell that this process lives, not that PostgreSQL does: fails when `moves` stays the same for `ms`.
 * Whoever lent the connection then destroys it, and what still waits for it with it.
 */
export async function unlessStuck<T>(moves: () => unknown, ms: number, use: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<never>((_, reject) => {
    let last = moves();
    let since = Date.now();
    timer = setInterval(() => {
      const now = moves();
      if (now !== last) {
        last = now;
        since = Date.now();
      } else if (Date.now() - since > ms) {
        reject(new ServerUnavailable('PostgreSQL', `PostgreSQL has not moved for ${ms} ms`));
      }
    }, ms / 4);
  });
  try {
    return await Promise.race([use(), stuck]);
  } finally {
    clearInterval(timer);
  }
}
