/** The statements of a replay: which dead letters there are, and taking away those that moved. */
import type pg from 'pg';
import type { ReplaySelection } from '../../domain/stages.js';

type Queryable = Pick<pg.ClientBase, 'query'>;

/** A dead letter as the record that it was. */
export interface DeadRecord {
  readonly id: string;
  readonly partition: number;
  readonly offset: bigint;
  /** ms since 1970; -1: none. */
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface LetterSpan {
  readonly sourceId: number;
  /** Exclusive. */
  readonly after: string;
  /** Inclusive. */
  readonly to: string;
}

interface Row extends Omit<DeadRecord, 'offset' | 'timestampMs'> {
  readonly offset: string;
  readonly timestampMs: string | null;
}

const COLUMNS = `dead_letter_id AS id, partition, record_offset AS "offset", key, value,
       (extract(epoch FROM kafka_timestamp) * 1000)::bigint AS "timestampMs"`;

/**
 * What is selected of a span. A refused row whose bytes Kafka no longer had when they were wanted has nothing to
 * decode: it stays, and is not looked at.
 */
const SELECTED = `FROM dead_letter
    WHERE source_id = $1 AND dead_letter_id > $2 AND dead_letter_id <= $3
      AND ($4::text IS NULL OR reason = $4) AND ($5::text IS NULL OR field = $5)
      AND ($6::bigint[] IS NULL OR dead_letter_id = ANY ($6))
      AND ($7::timestamptz IS NULL OR rejected_at >= $7) AND ($8::timestamptz IS NULL OR rejected_at < $8)
      AND NOT (reason = 'refused_by_database' AND value IS NULL)
    ORDER BY dead_letter_id`;

const parameters = (
  { sourceId, after, to }: LetterSpan,
  { reason, field, ids, from, to: before }: ReplaySelection,
): unknown[] => [sourceId, after, to, reason, field, ids, from, before].map((value) => value ?? null);

const record = ({ offset, timestampMs, ...row }: Row): DeadRecord => ({
  ...row,
  offset: BigInt(offset),
  timestampMs: timestampMs === null ? -1 : Number(timestampMs),
});

/** The first selected dead letters of a span: at most so many and so many bytes, but one of any size. */
export async function firstDeadRecords(
  client: Queryable,
  span: LetterSpan,
  selection: ReplaySelection,
  limits: { readonly letters: number; readonly bytes: number },
): Promise<readonly DeadRecord[]> {
  const { rows } = await client.query<Row>(
    `SELECT ${COLUMNS} FROM (
       SELECT *, sum(size) OVER (ORDER BY dead_letter_id) - size AS before FROM (
         SELECT *, coalesce(octet_length(value), 0) + coalesce(octet_length(key), 0) AS size ${SELECTED} LIMIT $9) d
     ) d WHERE before < $10 ORDER BY dead_letter_id`,
    [...parameters(span, selection), limits.letters, limits.bytes],
  );
  return rows.map(record);
}

/** Which of these dead letters are still there, locked in the order of their numbers. */
export async function lockDeadLetters(
  client: Queryable,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ id: string }>(
    `SELECT dead_letter_id AS id FROM dead_letter WHERE dead_letter_id = ANY ($1::bigint[])
      ORDER BY dead_letter_id FOR UPDATE`,
    [ids],
  );
  return new Set(rows.map((row) => row.id));
}

export async function deleteDeadLetters(client: Queryable, ids: readonly string[]): Promise<void> {
  await client.query('DELETE FROM dead_letter WHERE dead_letter_id = ANY ($1::bigint[])', [ids]);
}

/** The number of the latest dead letter, `0` where there is none. */
export async function lastDeadLetter(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    'SELECT coalesce(max(dead_letter_id), 0) AS id FROM dead_letter',
  );
  return rows[0]?.id ?? '0';
}

export interface LetterSource {
  readonly sourceId: number;
  readonly topic: string;
  readonly incarnation: string;
}

/** The sources from a number on, ascending. */
export async function sourcesFrom(client: Queryable, sourceId: number): Promise<readonly LetterSource[]> {
  const { rows } = await client.query<LetterSource>(
    `SELECT source_id AS "sourceId", topic, incarnation FROM source WHERE source_id >= $1 ORDER BY source_id`,
    [sourceId],
  );
  return rows;
}
