/** What goes into the decoder and what comes out of it. */
import type { Family } from '../names.js';

/** A record as Kafka holds it. */
export interface KafkaRecord {
  readonly partition: number;
  readonly offset: bigint;
  /** ms since 1970; -1: none. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** A record whose key and value still lie among those of others. */
export interface RecordInBytes extends KafkaRecord {
  /** One object for all records of a batch, and never another batch's: a part of it may have been copied already. */
  readonly bytes: Uint8Array;
  /** Where the value stands in `bytes`; -1: there is none. */
  readonly valueFrom: number;
  readonly valueTo: number;
}

/**
 * By column type: text, inet, uuid and jsonb are checked text; integer and double are numbers, bigint is a
 * bigint; timestamptz is µs since 1970 as a bigint; date is days since 1970 as a number.
 */
export type Value = string | number | bigint | boolean | null;

export interface Row {
  /** 16 bytes. */
  readonly eventId: Uint8Array;
  /** µs since 1970. */
  readonly eventTimeUs: bigint;
  /** Every family; the configured columns in their order. */
  readonly families: Readonly<Record<Family, readonly Value[]>>;
}

/** Why a record is rejected: stable codes that people search the dead letters by. */
export const REASONS = [
  'tombstone',
  'empty_value',
  'schema_registry_framing',
  'invalid_utf8',
  'not_json',
  'not_an_object',
  'missing_required',
  'wrong_type',
  'number_out_of_range',
  'nul_byte',
  'lone_surrogate',
  'too_deep',
  'too_long',
  'unparsable_time',
  'impossible_time',
] as const;
export type Reason = (typeof REASONS)[number];

export type Decoded =
  | { readonly kind: 'row'; readonly row: Row }
  | {
      readonly kind: 'rejected';
      readonly reason: Reason;
      /** `click_data.url`, `event.time`; absent when the record as a whole is unreadable. */
      readonly field?: string;
      /** Never holds a value of the event. */
      readonly message: string;
      /** Where the event's own id could be read. */
      readonly eventId?: Uint8Array;
    }
  | {
      readonly kind: 'filtered';
      readonly reason: 'where';
      /** The first condition that does not hold, `event.where[1]`. */
      readonly condition: string;
    };

/** Where a record comes from: the number of its source in PostgreSQL, and its topic for `$kafka.topic`. */
export interface RecordSource {
  readonly sourceId: number;
  readonly topic?: string;
}

export type Decoder = (record: KafkaRecord, source: RecordSource) => Decoded;

/** What `clients/enrich` offers; undefined: nothing known. */
export interface Enrichers {
  /** `address` is one address as text, perhaps not a valid one. */
  geoip(address: string): { readonly country?: string } | undefined;
  ua(agent: string): {
    readonly browser?: string | undefined;
    readonly browser_version?: string | undefined;
    readonly os?: string | undefined;
    readonly os_version?: string | undefined;
    readonly device?: string | undefined;
    readonly is_bot: boolean;
  };
  visitor(address: string, agent: string): string;
}

export type Hash = (bytes: Uint8Array) => Uint8Array;
