import { Readable } from 'node:stream';
import type pg from 'pg';
import { COPY_HEADER, COPY_TRAILER, CopyEncoder } from '../clients/postgres/copyBinary.js';
import { isDataError, pgErrorFields } from '../clients/postgres/errors.js';
import { familyColumns } from '../clients/postgres/families.js';
import { acceptClicks, acceptFamily, clearStaging, copyStaged } from '../clients/postgres/ingest.js';
import { offsetOfClick, partitionOfClick } from '../clients/postgres/offsets.js';
import type { FetchedRecord } from '../clients/kafka/client.js';
import { FAMILIES, type Family } from '../domain/names.js';
import { deadLetterValues, REJECTED_COLUMNS } from './batchWriter.js';
import type { IngestDeps } from './deps.js';
import type { SpoolReader } from './spoolReader.js';

export const REFUSED = 'refused_by_database';
const OTHERS: readonly Family[] = FAMILIES.filter((family) => family !== 'click_data');

export interface RefusedRow {
  readonly clickId: bigint;
  /** SQLSTATE and names, never a value. */
  readonly message: string;
}

/**
 * Stages and accepts the rows `from` to `to`. What PostgreSQL refuses (a data error that the decoder did not
 * foresee) is halved under savepoints until the single rows are known: no record can stop a shard.
 */
export async function persistRows(
  client: pg.ClientBase,
  deps: IngestDeps,
  reader: SpoolReader,
  range: { readonly from: number; readonly to: number },
): Promise<{ readonly accepted: number; readonly refused: readonly RefusedRow[] }> {
  const { from, to } = range;
  if (from === to) return { accepted: 0, refused: [] };
  await client.query('SAVEPOINT half');
  try {
    const accepted = await acceptRange(client, deps, reader, from, to);
    await client.query('RELEASE SAVEPOINT half');
    return { accepted, refused: [] };
  } catch (e) {
    if (!isDataError(e)) throw e;
    await client.query('ROLLBACK TO SAVEPOINT half');
    await client.query('RELEASE SAVEPOINT half');
    if (to - from === 1)
      return { accepted: 0, refused: [{ clickId: reader.clickId(from), message: whyRefused(e) }] };
    const middle = (from + to) >> 1;
    const left = await persistRows(client, deps, reader, { from, to: middle });
    const right = await persistRows(client, deps, reader, { from: middle, to });
    return { accepted: left.accepted + right.accepted, refused: [...left.refused, ...right.refused] };
  }
}

async function acceptRange(
  client: pg.ClientBase,
  { config, failpoint }: IngestDeps,
  reader: SpoolReader,
  from: number,
  to: number,
): Promise<number> {
  const columns = (family: Family): string[] => familyColumns(config, family).map((c) => c.name);
  await clearStaging(client);
  let chunks = 0;
  const midway = async (): Promise<void> => {
    if (++chunks === 1) await failpoint('persistBatch:mid-copy');
  };
  await copyStaged(client, 'click_data', columns('click_data'), reader.rows('click_data', from, to, midway));
  const accepted = await acceptClicks(client, columns('click_data'));
  // A family without configured columns would only repeat the clicks' keys.
  for (const family of OTHERS.filter((f) => config.families[f].length > 0)) {
    await copyStaged(client, family, columns(family), reader.rows(family, from, to));
    await acceptFamily(client, family, columns(family));
  }
  return accepted;
}

function whyRefused(e: unknown): string {
  const fields = pgErrorFields(e);
  const where = [fields?.table, fields?.column, fields?.constraint].filter((part) => part !== undefined);
  return `PostgreSQL refused the row: SQLSTATE ${fields?.sqlState ?? '?'}${where.length > 0 ? ` at ${where.join('.')}` : ''}`;
}

/** Dead letters of refused rows, with their raw bytes, which only Kafka still has. */
export async function stageRefused(
  client: pg.ClientBase,
  deps: IngestDeps,
  topic: string,
  refused: readonly RefusedRow[],
  signal: AbortSignal,
): Promise<void> {
  if (refused.length === 0) return;
  const encoder = new CopyEncoder(REJECTED_COLUMNS.map((c) => c.type));
  for (const { clickId, message } of refused) {
    const partition = partitionOfClick(clickId);
    const offset = offsetOfClick(clickId);
    const found = await readOne(deps, topic, partition, offset, signal);
    const record = found ?? { partition, offset, timestampMs: -1, key: null, value: null };
    encoder.row(
      deadLetterValues({
        record,
        reason: REFUSED,
        message: found === undefined ? `${message}; Kafka no longer holds the record` : message,
      }),
    );
  }
  const rows = Readable.from([COPY_HEADER, encoder.take(), COPY_TRAILER], { objectMode: false });
  await copyStaged(
    client,
    'rejected',
    REJECTED_COLUMNS.map((c) => c.name),
    rows,
  );
}

async function readOne(
  { kafka }: IngestDeps,
  topic: string,
  partition: number,
  offset: bigint,
  signal: AbortSignal,
): Promise<FetchedRecord | undefined> {
  const fetched = await kafka.fetch(topic, new Map([[partition, offset]]), {
    maxWaitMs: 500,
    maxBytes: 1024 * 1024,
    lane: 'refused',
    signal,
  });
  for (const { items } of fetched)
    for (const item of items) if ('offset' in item) return item.offset === offset ? item : undefined;
  return undefined;
}
