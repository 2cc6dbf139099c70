import type pg from 'pg';
import { isDataError, pgErrorFields } from '../clients/postgres/errors.js';
import { familyColumns } from '../clients/postgres/families.js';
import { copyRows } from '../clients/postgres/ingest.js';
import { quoteIdent } from '../clients/postgres/sql.js';
import {
  acceptStaged,
  dropStagingIndexes,
  ensureStaging,
  indexStaging,
  stagedTable,
} from '../clients/postgres/staging.js';
import { FAMILIES, type Family } from '../domain/names.js';
import type { IngestDeps } from './deps.js';
import type { RowRange } from './rowClaims.js';
import type { SpoolReader } from './spoolReader.js';

/** What the rows of a batch are persisted with; `moved` is told of every step that PostgreSQL has made. */
export interface RowsContext {
  readonly client: pg.ClientBase;
  readonly deps: Pick<IngestDeps, 'config' | 'failpoint'>;
  /** A spooled batch, or whatever else has rows in the same form. */
  readonly reader: Pick<SpoolReader, 'clickId' | 'rows'>;
  readonly moved: (bytes: number) => void;
}

export interface RefusedRow {
  readonly clickId: bigint;
  /** SQLSTATE and names, never a value. */
  readonly message: string;
}

export interface PersistedRows {
  readonly accepted: number;
  /** Minutes since 1970 in which the accepted clicks are. */
  readonly minutes: readonly number[];
  readonly refused: readonly RefusedRow[];
}

/** The first place where a test may stop a COPY: after its first chunk. */
const midCopy = ({ deps, moved }: RowsContext): ((bytes: number) => Promise<void>) => {
  let chunks = 0;
  return async (bytes) => {
    moved(bytes);
    if (++chunks === 1) await deps.failpoint('persistBatch:mid-copy');
  };
};

/** A family without configured columns would only repeat the clicks' keys. */
const filled = ({ config }: RowsContext['deps']): readonly Family[] =>
  FAMILIES.filter((family) => family === 'click_data' || config.families[family].length > 0);

async function copyFamilies(
  context: RowsContext,
  ranges: readonly RowRange[],
  tableOf: (family: Family) => string,
  rowsOf: SpoolReader['rows'] = (family, of, onChunk) => context.reader.rows(family, of, onChunk),
): Promise<void> {
  const { client, deps } = context;
  const onChunk = midCopy(context);
  for (const family of filled(deps)) {
    const columns = familyColumns(deps.config, family).map((c) => c.name);
    await copyRows(client, tableOf(family), columns, rowsOf(family, ranges, onChunk));
  }
}

/** Straight into the families: rows of which none is thought to be there. A duplicate or a refused row fails it. */
export async function copyStraight(
  context: RowsContext & { readonly reader: Pick<SpoolReader, 'sortedClicks'> },
  ranges: readonly RowRange[],
): Promise<void> {
  const { reader } = context;
  if (ranges.length === 0) return;
  await copyFamilies(context, ranges, quoteIdent, (family, of, onChunk) =>
    // The other families have no index.
    family === 'click_data' ? reader.sortedClicks(of, onChunk) : reader.rows(family, of, onChunk),
  );
}

/**
 * Stages rows and takes those whose id is new. What PostgreSQL refuses (a data error that the decoder did not
 * foresee) is halved under savepoints until the single rows are known: no record can stop a shard.
 */
export async function persistCandidates(
  context: RowsContext,
  ranges: readonly RowRange[],
): Promise<PersistedRows> {
  if (ranges.length === 0) return { accepted: 0, minutes: [], refused: [] };
  const { client, reader, deps } = context;
  await ensureStaging(client, deps.config);
  const rows = ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
  const refused: RefusedRow[] = [];
  const staged = await byHalves(context, rows, refused, async (half) => {
    await copyFamilies(context, half === rows ? ranges : rangesOf(half), stagedTable);
    return half;
  });
  const all = await underSavepoint(client, () => acceptStaged(client, deps.config));
  context.moved(0);
  if ('result' in all) return { accepted: all.result.rows, minutes: all.result.minutes, refused };

  // Halves of ascending ids, so that of equal event ids the lowest click_id still comes first.
  const byId = staged.flat().sort((a, b) => (reader.clickId(a) < reader.clickId(b) ? -1 : 1));
  await indexStaging(client);
  const parts = await byHalves(context, byId, refused, (half) => {
    const [first = 0] = half;
    const last = half.at(-1) ?? first;
    return acceptStaged(client, deps.config, { first: reader.clickId(first), last: reader.clickId(last) });
  });
  await dropStagingIndexes(client);
  return {
    accepted: parts.reduce((n, part) => n + part.rows, 0),
    minutes: [...new Set(parts.flatMap((part) => part.minutes))],
    refused,
  };
}

/** Tries `use` on all rows, then on halves, of which each must pass or be a single row that is refused. */
async function byHalves<T>(
  context: RowsContext,
  rows: readonly number[],
  refused: RefusedRow[],
  use: (rows: readonly number[]) => Promise<T>,
): Promise<T[]> {
  const [first] = rows;
  if (first === undefined) return [];
  const tried = await underSavepoint(context.client, () => use(rows));
  context.moved(0);
  if ('result' in tried) return [tried.result];
  if (rows.length === 1) {
    refused.push({ clickId: context.reader.clickId(first), message: whyRefused(tried.refusal) });
    return [];
  }
  const middle = rows.length >> 1;
  const left = await byHalves(context, rows.slice(0, middle), refused, use);
  return [...left, ...(await byHalves(context, rows.slice(middle), refused, use))];
}

/** What data PostgreSQL refuses is undone and answered; every other error passes on. */
async function underSavepoint<T>(
  client: pg.ClientBase,
  use: () => Promise<T>,
): Promise<{ readonly result: T } | { readonly refusal: unknown }> {
  await client.query('SAVEPOINT half');
  try {
    const result = await use();
    await client.query('RELEASE SAVEPOINT half');
    return { result };
  } catch (refusal) {
    if (!isDataError(refusal)) throw refusal;
    await client.query('ROLLBACK TO SAVEPOINT half; RELEASE SAVEPOINT half');
    return { refusal };
  }
}

function rangesOf(rows: readonly number[]): RowRange[] {
  const ranges: [number, number][] = [];
  for (const row of rows) {
    const last = ranges.at(-1);
    if (last?.[1] === row) last[1] = row + 1;
    else ranges.push([row, row + 1]);
  }
  return ranges;
}

function whyRefused(e: unknown): string {
  const fields = pgErrorFields(e);
  const where = [fields?.table, fields?.column, fields?.constraint].filter((part) => part !== undefined);
  return `PostgreSQL refused the row: SQLSTATE ${fields?.sqlState ?? '?'}${where.length > 0 ? ` at ${where.join('.')}` : ''}`;
}
