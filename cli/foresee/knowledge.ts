import { randomBytes } from 'node:crypto';
import { sqlState } from '../../clients/postgres/errors.js';
import { seenClicks, seenDeadLetters } from '../../clients/postgres/foresee/seen.js';
import { latestSource, nextOffsets, nextSourceId, type Source } from '../../clients/postgres/offsets.js';
import { withClient, type Postgres } from '../../clients/postgres/pool.js';
import { readFloor } from '../../clients/postgres/retention/floor.js';
import { missingTables } from '../../clients/postgres/status/queries.js';
import { visitorKey } from '../../clients/postgres/visitorKey.js';
import type { Servers } from '../../domain/config/config.js';
import { TABLES } from '../../domain/names.js';
import type { Stored } from './foresight.js';

/** What `try` learns from PostgreSQL, by questions alone. */
export interface Knowledge {
  /** The topic's latest incarnation; undefined: nothing of it was ever ingested. */
  readonly source: Source | undefined;
  /** The number that another incarnation would get. */
  readonly nextSourceId: number;
  readonly committed: ReadonlyMap<number, bigint>;
  /** Undefined: there is nothing to compare with, `migrate` has not run. */
  readonly stored: ((sourceId: number) => Stored) | undefined;
  readonly visitorKey: Uint8Array;
  readonly keyFrom: 'environment' | 'installation' | 'temporary';
}

/** Before `migrate`, and where nobody asks PostgreSQL: an empty installation, and visitors that last for one run. */
export const nothingKnown = ({ visitorKey }: Servers): Knowledge => ({
  source: undefined,
  nextSourceId: 0,
  committed: new Map(),
  stored: undefined,
  visitorKey: visitorKey === undefined ? randomBytes(32) : Buffer.from(visitorKey),
  keyFrom: visitorKey === undefined ? 'temporary' : 'environment',
});

/** @throws ServerUnavailable, ServerRefused */
export async function askPostgres(postgres: Postgres, servers: Servers, topic: string): Promise<Knowledge> {
  const ask = <T>(use: Parameters<typeof withClient<T>>[2]): Promise<T> =>
    withClient(postgres, `${postgres.name}:try`, use);
  try {
    const missing = await ask((client) => missingTables(client, postgres.name));
    if (missing.length > 0) {
      const nothing = nothingKnown(servers);
      if (nothing.keyFrom === 'environment' || missing.includes(TABLES.secret)) return nothing;
      return { ...nothing, visitorKey: await visitorKey(postgres), keyFrom: 'installation' };
    }
    const fromEnvironment = servers.visitorKey;
    const key = fromEnvironment === undefined ? await visitorKey(postgres) : Buffer.from(fromEnvironment);
    return await ask(async (client) => {
      const source = await latestSource(client, topic);
      const floor = await readFloor(client);
      return {
        source,
        nextSourceId: await nextSourceId(client),
        committed: source === undefined ? new Map() : await nextOffsets(client, source.sourceId),
        stored: (sourceId): Stored => ({
          floor,
          seenClicks: (wanted) => ask((c) => seenClicks(c, wanted)),
          seenDeadLetters: (wanted) => ask((c) => seenDeadLetters(c, sourceId, wanted)),
        }),
        visitorKey: key,
        keyFrom: fromEnvironment === undefined ? 'installation' : 'environment',
      };
    });
  } catch (e) {
    // 3D000: the database does not exist; migrate makes it.
    if (e instanceof Error && sqlState(e.cause) === '3D000') return nothingKnown(servers);
    throw e;
  }
}
