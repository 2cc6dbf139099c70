import type { ReplaySelection } from '../../domain/stages.js';
import { withClient, type Postgres } from './pool.js';

export interface DeadLetterGroup {
  readonly reason: string;
  readonly field: string | null;
  readonly count: number;
  readonly firstId: string;
  readonly lastId: string;
  readonly lastRejectedAt: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly kafkaTimestamp: string | null;
  readonly eventId: string | null;
  readonly reason: string;
  readonly field: string | null;
  readonly message: string;
  readonly batchId: string;
  readonly rejectedAt: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** Dead letters by reason and field, most frequent first. */
export function deadLettersByReason(postgres: Postgres): Promise<readonly DeadLetterGroup[]> {
  return withClient(postgres, `${postgres.name}:deadLetters`, async (client) => {
    const { rows } = await client.query<Omit<DeadLetterGroup, 'count'> & { count: string }>(
      `SELECT reason, field, count(*) AS count, min(dead_letter_id) AS "firstId", max(dead_letter_id) AS "lastId",
              to_char(max(rejected_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "lastRejectedAt"
         FROM dead_letter GROUP BY reason, field ORDER BY count(*) DESC, reason, field`,
    );
    return rows.map((row) => ({ ...row, count: Number(row.count) }));
  });
}

/** One dead letter in full; undefined when there is none of that number. */
export function deadLetter(postgres: Postgres, id: string): Promise<DeadLetter | undefined> {
  return withClient(postgres, `${postgres.name}:deadLetters`, async (client) => {
    const { rows } = await client.query<DeadLetter>(
      `SELECT d.dead_letter_id AS id, s.topic, d.partition, d.record_offset AS "offset",
              to_char(d.kafka_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "kafkaTimestamp",
              d.event_id AS "eventId", d.reason, d.field, d.message, d.batch_id AS "batchId",
              to_char(d.rejected_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "rejectedAt", d.key, d.value
         FROM dead_letter d JOIN source s USING (source_id) WHERE d.dead_letter_id = $1`,
      [id],
    );
    return rows[0];
  });
}

export type ListedDeadLetter = Omit<DeadLetter, 'kafkaTimestamp' | 'eventId' | 'batchId' | 'key' | 'value'>;

/** Single dead letters, the newest first. */
export function deadLetters(
  postgres: Postgres,
  { reason, field, from }: Pick<ReplaySelection, 'reason' | 'field' | 'from'>,
  limit: number,
): Promise<readonly ListedDeadLetter[]> {
  return withClient(postgres, `${postgres.name}:deadLetters`, async (client) => {
    const { rows } = await client.query<ListedDeadLetter>(
      `SELECT d.dead_letter_id AS id, s.topic, d.partition, d.record_offset AS "offset", d.reason, d.field, d.message,
              to_char(d.rejected_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS "rejectedAt"
         FROM dead_letter d JOIN source s USING (source_id)
        WHERE ($1::text IS NULL OR d.reason = $1) AND ($2::text IS NULL OR d.field = $2)
          AND ($3::timestamptz IS NULL OR d.rejected_at >= $3)
        ORDER BY d.dead_letter_id DESC LIMIT $4`,
      [reason ?? null, field ?? null, from ?? null, limit],
    );
    return rows;
  });
}
