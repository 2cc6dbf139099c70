import { NO_COUNTS, type Counts } from '../../../domain/stages.js';
import { GRAINS, TABLES } from '../../../domain/names.js';
import { ServerUnavailable } from '../../../domain/errors.js';
import { isLockTimeout, sqlState } from '../errors.js';
import { latestRejects, type Refused } from '../index/rejects.js';
import { withClient, type Postgres } from '../pool.js';
import { readFrozen, readRetired, type Frozen } from '../retention/frozen.js';
import { readSkips, type TopicSkips } from '../skip.js';
import {
  countClicks,
  missingTables,
  readAccount,
  readBacklogs,
  readFiltered,
  readMarks,
  readOffsets,
  readRuns,
  readTableLockers,
  type IndexBacklog,
  type Run,
  type StoredOffset,
} from './queries.js';
import { grainFigures, readFigures, type GrainFigures } from './windows.js';

/** The tables that a snapshot is read from. */
const READ: ReadonlySet<string> = new Set([
  ...[TABLES.source, TABLES.ingestOffset, TABLES.batch, TABLES.windowMark, 'click_data'],
  ...[TABLES.aggregateRun, TABLES.clickMetrics, TABLES.indexCursor, TABLES.indexReject],
  ...[TABLES.retentionFloor, TABLES.retired],
]);

/** Somebody who looks must not wait for a `migrate` that waits for a run. */
const LOCK_PATIENCE_MS = 2_000;
/** Refused documents that a report names. */
const REJECTS = 10;
/** Latest runs that a report shows. */
const RUNS = 5;

/** What PostgreSQL knows, all of one moment. */
export interface Snapshot {
  /** What is not there yet, in words; everything else is empty where nothing could be read. */
  readonly missing: readonly string[];
  /** Whether the tables of this report are there. */
  readonly made: boolean;
  readonly account: Counts & { readonly batches: number };
  readonly offsets: readonly StoredOffset[];
  readonly skips: readonly TopicSkips[];
  readonly marks: { readonly marks: number; readonly hours: number };
  readonly clicks: number;
  readonly filteredBy: Readonly<Record<string, number>>;
  readonly frozen: Frozen;
  readonly retired: { readonly clicks: number; readonly deadLetters: number };
  readonly runs: readonly Run[];
  readonly figures: readonly GrainFigures[];
  readonly backlogs: readonly IndexBacklog[];
  /** The latest. */
  readonly rejects: readonly Refused[];
}

/** @param missing What is not there yet, in words. */
export const nothingYet = (missing: string): Snapshot => ({
  missing: [missing],
  made: false,
  account: { ...NO_COUNTS, batches: 0 },
  offsets: [],
  skips: [],
  marks: { marks: 0, hours: 0 },
  clicks: 0,
  filteredBy: {},
  frozen: { floor: null, hours: 0, clicks: 0 },
  retired: { clicks: 0, deadLetters: 0 },
  runs: [],
  figures: GRAINS.map((grain) => grainFigures(grain, [])),
  backlogs: [],
  rejects: [],
});

const MIGRATE = 'run `clickstream migrate`';

/** Names a few; a schema that is not there at all misses every table. */
function describeMissing(schema: string, tables: readonly string[]): string {
  const some =
    tables.length > 3 ? `${tables.slice(0, 3).join(', ')} and ${tables.length - 3} more` : tables.join(', ');
  return `tables of PostgreSQL's schema ${schema} (${some}): ${MIGRATE}`;
}

async function tablesLocked(postgres: Postgres): Promise<string> {
  const lockers = await withClient(postgres, `${postgres.name}:status`, readTableLockers);
  const who = lockers.length === 0 ? 'a session that has ended meanwhile' : lockers.join(', ');
  return (
    `PostgreSQL's tables are locked by ${who}: a \`clickstream migrate\` under way waits for the run that writes ` +
    'figures, and everybody else waits behind it; ask again when it has ended'
  );
}

/** One consistent view of PostgreSQL; a missing database, schema or table is an answer, not an error. */
export async function readSnapshot(postgres: Postgres): Promise<Snapshot> {
  try {
    return await withClient(postgres, `${postgres.name}:status`, async (client) => {
      await client.query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = ${LOCK_PATIENCE_MS}`,
      );
      const missing = await missingTables(client, postgres.name);
      const described = missing.length > 0 ? [describeMissing(postgres.name, missing)] : [];
      // A table that only a newer version has hides nothing of what was ingested before the upgrade.
      const snapshot =
        described[0] !== undefined && missing.some((table) => READ.has(table))
          ? nothingYet(described[0])
          : {
              missing: described,
              made: true,
              account: await readAccount(client),
              offsets: await readOffsets(client),
              skips: await readSkips(client),
              marks: await readMarks(client),
              clicks: await countClicks(client),
              filteredBy: await readFiltered(client),
              frozen: await readFrozen(client),
              retired: await readRetired(client),
              runs: await readRuns(client, RUNS),
              figures: await readFigures(client),
              backlogs: await readBacklogs(client),
              rejects: await latestRejects(client, REJECTS),
            };
      await client.query('COMMIT');
      return snapshot;
    });
  } catch (e) {
    if (e instanceof Error && isLockTimeout(e.cause))
      throw new ServerUnavailable('PostgreSQL', await tablesLocked(postgres), { cause: e });
    // 3D000: the database does not exist; migrate makes it.
    if (e instanceof Error && sqlState(e.cause) === '3D000')
      return nothingYet(`the PostgreSQL database: ${MIGRATE}`);
    throw e;
  }
}
