import { uuidText } from '../../clients/postgres/foresee/seen.js';
import type { ColumnType, Config } from '../../domain/config/config.js';
import type { KafkaRecord, Value } from '../../domain/event/decoder.js';
import { FAMILIES, type Family } from '../../domain/names.js';
import type { Counts } from '../../domain/stages.js';
import type { Fate } from './foresight.js';

export interface Judged {
  readonly record: KafkaRecord;
  readonly fate: Fate;
}

export type Plain = string | number | boolean | null | object;

/** One record for scripts: where it stands, `outcome` and, of a click, each family's columns. */
export interface ForeseenRecord {
  readonly partition?: number;
  readonly offset?: string;
  /** Of a file, instead of partition and offset; from 1. */
  readonly line?: number;
  readonly outcome: 'click' | 'duplicate' | 'dead letter' | 'filtered';
  readonly event_id?: string;
  readonly event_time?: string;
  /** What a duplicate is one of: a click or dead letter that is there, or an earlier record of the sample. */
  readonly of?: string;
  readonly reason?: string;
  readonly field?: string;
  readonly message?: string;
  readonly families?: Readonly<Record<Family, Readonly<Record<string, Plain>>>>;
}

/** What ingestion would count. */
export function countsOf(fates: readonly Fate[]): Counts {
  const of = (kind: Fate['kind']): number => fates.filter((fate) => fate.kind === kind).length;
  return {
    records: fates.length,
    persisted: of('click'),
    duplicates: of('duplicate'),
    deadLetters: of('rejected'),
    filtered: of('filtered'),
  };
}

/** @param lines whether the records are a file's lines */
export function foreseen(config: Config, { record, fate }: Judged, lines: boolean): ForeseenRecord {
  const at = lines
    ? { line: Number(record.offset) }
    : { partition: record.partition, offset: record.offset.toString() };
  switch (fate.kind) {
    case 'click': {
      const { eventId, eventTimeUs, families } = fate.row;
      const columns = (family: Family): [string, Plain][] =>
        config.families[family].map((c, i) => [c.name, plain(c.type, families[family][i] ?? null)]);
      return {
        ...at,
        outcome: 'click',
        event_id: uuidText(eventId),
        event_time: timeText(eventTimeUs),
        families: Object.fromEntries(
          FAMILIES.map((family) => [family, Object.fromEntries(columns(family))]),
        ) as Record<Family, Record<string, Plain>>,
      };
    }
    case 'duplicate': {
      const { of, eventId } = fate;
      return { ...at, outcome: 'duplicate', of, ...(eventId && { event_id: uuidText(eventId) }) };
    }
    case 'rejected': {
      const { reason, field, message, eventId } = fate;
      return {
        ...at,
        outcome: 'dead letter',
        reason,
        ...(field !== undefined && { field }),
        message,
        ...(eventId && { event_id: uuidText(eventId) }),
      };
    }
    case 'filtered':
      return { ...at, outcome: 'filtered', reason: fate.reason };
  }
}

/** A value as JSON can carry it, in the form that people know. */
function plain(type: ColumnType, value: Value): Plain {
  if (value === null) return null;
  if (type === 'timestamptz') return timeText(BigInt(value));
  if (type === 'date') return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
  if (type === 'jsonb') return JSON.parse(String(value)) as Plain;
  return typeof value === 'bigint' ? value.toString() : value;
}

/** µs since 1970 as ISO with as many digits as it has. */
function timeText(timeUs: bigint): string {
  const micros = ((timeUs % 1000n) + 1000n) % 1000n;
  const iso = new Date(Number((timeUs - micros) / 1000n)).toISOString();
  return micros === 0n ? iso : iso.replace('Z', `${micros.toString().padStart(3, '0')}Z`);
}
