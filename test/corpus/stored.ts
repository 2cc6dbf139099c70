/** Where PostgreSQL has put each record of an installation, by topic, partition and offset. */
import type pg from 'pg';
import type { ColumnType, Config } from '../../domain/config/config.js';
import type { Value } from '../../domain/event/types.js';
import { FAMILIES } from '../../domain/names.js';
import { offsetOfClick, partitionOfClick } from '../../clients/postgres/offsets.js';

export interface StoredDeadLetter {
  readonly id: string;
  readonly reason: string;
  readonly field: string | null;
  readonly message: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface Stored {
  /** By `family.column`, and `event_time`; as the decoder spells values. */
  readonly clicks: ReadonlyMap<string, Readonly<Record<string, Value>>>;
  readonly deadLetters: ReadonlyMap<string, StoredDeadLetter>;
}

export const coordinates = (topic: string, partition: number, offset: bigint | string): string =>
  `${topic}/${partition}/${offset}`;

/** What a column's value is read as. */
const READ: Readonly<Partial<Record<ColumnType, (column: string) => string>>> = {
  timestamptz: (column) => `(extract(epoch FROM ${column}) * 1000000)::bigint`,
  date: (column) => `${column} - date '1970-01-01'`,
  inet: (column) => `host(${column})`,
  jsonb: (column) => `${column}::text`,
};

export async function readStored(client: pg.ClientBase, config: Config): Promise<Stored> {
  const columns = FAMILIES.flatMap((family) => config.families[family]);
  const selected = columns.map(({ family, name, type }, i) => {
    const column = `${family}."${name}"`;
    return `${READ[type]?.(column) ?? column} AS c${i}`;
  });
  const topics = await client.query<{ source_id: number; topic: string }>(
    'SELECT source_id, topic FROM source',
  );
  const topicOf = new Map(topics.rows.map((row) => [row.source_id, row.topic]));
  const { rows } = await client.query<Record<string, Value> & { click_id: string; t: string }>(
    `SELECT click_id, (extract(epoch FROM event_time) * 1000000)::bigint AS t, ${selected.join(', ')}
       FROM click_data
       LEFT JOIN geo_data USING (click_id, event_time)
       LEFT JOIN user_agent_data USING (click_id, event_time)`,
  );
  const clicks = rows.map((row) => {
    const id = BigInt(row.click_id);
    const topic = topicOf.get(Number(id >> 53n)) ?? '?';
    const values = columns.map(({ family, name, type }, i) => {
      const value = row[`c${i}`] ?? null;
      const digits = (type === 'bigint' || type === 'timestamptz') && value !== null;
      return [`${family}.${name}`, digits ? BigInt(value) : value] as const;
    });
    return [
      coordinates(topic, partitionOfClick(id), offsetOfClick(id)),
      { event_time: BigInt(row.t), ...Object.fromEntries(values) },
    ] as const;
  });
  const dead = await client.query<
    StoredDeadLetter & { source_id: number; partition: number; offset: string }
  >(
    'SELECT dead_letter_id AS id, source_id, partition, record_offset AS "offset", reason, field, message, key, value FROM dead_letter',
  );
  return {
    clicks: new Map(clicks),
    deadLetters: new Map(
      dead.rows.map((row) => [
        coordinates(topicOf.get(row.source_id) ?? '?', row.partition, row.offset),
        row,
      ]),
    ),
  };
}
