import type pg from 'pg';

/** What PostgreSQL holds of one partition of a topic's incarnation. */
export interface StoredPartition {
  readonly topic: string;
  readonly incarnation: string;
  readonly sourceId: number;
  readonly partition: number;
  readonly start: bigint;
  readonly next: bigint;
}

export async function storedPartitions(client: pg.ClientBase): Promise<StoredPartition[]> {
  const { rows } = await client.query<Record<string, string>>(
    `SELECT s.topic, s.incarnation, s.source_id, o.partition, o.start_offset, o.next_offset
     FROM source s JOIN ingest_offset o USING (source_id) ORDER BY s.topic, s.source_id, o.partition`,
  );
  return rows.map((row) => ({
    topic: row.topic ?? '',
    incarnation: row.incarnation ?? '',
    sourceId: Number(row.source_id),
    partition: Number(row.partition),
    start: BigInt(row.start_offset ?? 0),
    next: BigInt(row.next_offset ?? 0),
  }));
}

/** Records in the ledger of a source. */
export async function ledgerRecords(client: pg.ClientBase, sourceId: number): Promise<bigint> {
  const { rows } = await client.query<{ records: string }>(
    'SELECT coalesce(sum(records), 0) AS records FROM batch WHERE source_id = $1',
    [sourceId],
  );
  return BigInt(rows[0]?.records ?? 0);
}

/** `from` inclusive, `to` exclusive. */
export interface SkippedRange {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** The ranges of a source that an operator skipped: what they held was never ingested. */
export async function skippedRangesOf(client: pg.ClientBase, sourceId: number): Promise<SkippedRange[]> {
  const { rows } = await client.query<{ partition: number; lo: string; hi: string }>(
    `SELECT (r->>'partition')::int AS partition, r->>'from' AS lo, r->>'to' AS hi
       FROM batch b, jsonb_array_elements(b.ranges) r WHERE b.source_id = $1 AND b.kind = 'skip'`,
    [sourceId],
  );
  return rows.map(({ partition, lo, hi }) => ({ partition, from: BigInt(lo), to: BigInt(hi) }));
}

/** Of one partition, in one answer: 8 bytes each here, some 150 while they are rows. */
const OFFSETS = 20_000;

/**
 * Offsets from `from` on that clicks and dead letters of a partition stand at, ascending (they fit a number), a part in
 * memory at a time. Needs a transaction; one partition is read after the other.
 */
export async function* storedOffsets(
  client: pg.ClientBase,
  partition: StoredPartition,
  from: bigint,
): AsyncGenerator<Float64Array, undefined> {
  const base = (BigInt(partition.sourceId) << 53n) | (BigInt(partition.partition) << 40n);
  await client.query(
    `DECLARE stored_offset NO SCROLL CURSOR FOR
       SELECT click_id & 1099511627775 FROM click_data WHERE click_id >= $1 AND click_id < $2
       UNION ALL
       SELECT record_offset FROM dead_letter
       WHERE source_id = $3 AND partition = $4 AND record_offset >= $5
       ORDER BY 1`,
    [String(base | from), String(base + (1n << 40n)), partition.sourceId, partition.partition, String(from)],
  );
  const text = `FETCH ${OFFSETS} FROM stored_offset`;
  try {
    for (;;) {
      const { rows } = await client.query<[string]>({ text, rowMode: 'array' });
      if (rows.length === 0) return;
      yield Float64Array.from(rows, ([offset]) => Number(offset));
    }
  } finally {
    // In a transaction that failed nothing can be closed, and nothing needs to be.
    await client.query('CLOSE stored_offset').catch(() => undefined);
  }
}
