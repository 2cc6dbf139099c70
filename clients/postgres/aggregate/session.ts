import { withClient, type Postgres } from '../pool.js';
import { terminateOwn } from '../ingest.js';

/** `waiting`: for us, since its statement is done or wants more data; `gone`: PostgreSQL has no such session. */
export type SessionState = 'working' | 'waiting' | 'gone';

/**
 * What the session of this application_name does, asked over another connection. A look that is not answered is
 * given up together with its connection.
 */
export function lookAtSession(
  postgres: Postgres,
  looker: string,
  application: string,
  patienceMs: number,
): Promise<SessionState> {
  return withClient(postgres, looker, (client) => {
    const asked = client
      .query<{ working: boolean }>(
        `SELECT state = 'active' AND wait_event IS DISTINCT FROM 'ClientRead' AS working
         FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()`,
        [application],
      )
      .then(({ rows: [row] }): SessionState =>
        row === undefined ? 'gone' : row.working ? 'working' : 'waiting',
      );
    return withinMs(patienceMs, asked);
  });
}

/** Ends the session of this application_name, whatever it does. */
export const endSession = (postgres: Postgres, application: string): Promise<void> =>
  terminateOwn(postgres.pool, application);

async function withinMs<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
