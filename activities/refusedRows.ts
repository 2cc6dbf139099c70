import { Readable } from 'node:stream';
import type pg from 'pg';
import type { FetchedRecord } from '../clients/kafka/client.js';
import { COPY_HEADER, COPY_TRAILER, CopyEncoder } from '../clients/postgres/copyBinary.js';
import { copyRows } from '../clients/postgres/ingest.js';
import { offsetOfClick, partitionOfClick } from '../clients/postgres/offsets.js';
import { REJECTED_COLUMNS, stagedTable } from '../clients/postgres/staging.js';
import { deadLetterValues } from './batchWriter.js';
import type { IngestDeps } from './deps.js';
import type { RefusedRow } from './persistRows.js';

export const REFUSED = 'refused_by_database';

/** Stages dead letters of refused rows, with their raw bytes, which only Kafka still has. */
export async function stageRefused(
  client: pg.ClientBase,
  deps: Pick<IngestDeps, 'kafka'>,
  topic: string,
  refused: readonly RefusedRow[],
  signal: AbortSignal,
): Promise<void> {
  if (refused.length === 0) return;
  const encoder = new CopyEncoder(REJECTED_COLUMNS.map((c) => c.type));
  const of = (row: RefusedRow): string => `${partitionOfClick(row.clickId)}/${offsetOfClick(row.clickId)}`;
  const messages = new Map(refused.map((row) => [of(row), row.message]));
  const rows = Readable.from(
    (async function* () {
      yield COPY_HEADER;
      for (const [partition, offsets] of byPartition(refused))
        for await (const { offset, record } of records(deps, topic, partition, offsets, signal)) {
          const message = messages.get(`${partition}/${offset}`) ?? '';
          encoder.row(
            deadLetterValues({
              record: record ?? { partition, offset, timestampMs: -1, key: null, value: null },
              reason: REFUSED,
              message: record === undefined ? `${message}; Kafka no longer holds the record` : message,
            }),
          );
          yield encoder.take();
        }
      yield COPY_TRAILER;
    })(),
    { objectMode: false },
  );
  await copyRows(
    client,
    stagedTable('rejected'),
    REJECTED_COLUMNS.map((c) => c.name),
    rows,
  );
}

function byPartition(refused: readonly RefusedRow[]): ReadonlyMap<number, readonly bigint[]> {
  const offsets = new Map<number, bigint[]>();
  for (const { clickId } of refused) {
    const partition = partitionOfClick(clickId);
    const those = offsets.get(partition);
    if (those === undefined) offsets.set(partition, [offsetOfClick(clickId)]);
    else those.push(offsetOfClick(clickId));
  }
  for (const those of offsets.values()) those.sort((a, b) => (a < b ? -1 : 1));
  return offsets;
}

/** The records at ascending offsets of a partition; a fetch serves all of them that it brings. */
async function* records(
  { kafka }: Pick<IngestDeps, 'kafka'>,
  topic: string,
  partition: number,
  offsets: readonly bigint[],
  signal: AbortSignal,
): AsyncGenerator<{ readonly offset: bigint; readonly record: FetchedRecord | undefined }> {
  for (let i = 0; i < offsets.length;) {
    const from = offsets[i] ?? 0n;
    const found = new Map<bigint, FetchedRecord>();
    let reached = from;
    const fetched = await kafka.fetch(topic, new Map([[partition, from]]), {
      maxWaitMs: 500,
      maxBytes: 1024 * 1024,
      lane: 'refused',
      signal,
    });
    for (const { items } of fetched)
      for (const item of items)
        if ('offset' in item) {
          found.set(item.offset, item);
          reached = item.offset;
        }
    do {
      const offset = offsets[i++] ?? from;
      yield { offset, record: found.get(offset) };
    } while ((offsets[i] ?? reached + 1n) <= reached);
  }
}
